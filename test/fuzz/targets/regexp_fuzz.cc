// Programs of any instructions, over any bytes: what they answer stays, and what it costs is bounded. That they answer as JavaScript does is for test/stage/regexp.test.ts.
#include "properties.h"
#include "stage/regexp.h"

using namespace millrace;

namespace {

/// What is taken from the front of the input.
struct Front {
  Input rest;
  uint8_t byte() {
    if (rest.empty()) return 0;
    const uint8_t value = rest[0];
    rest = rest.subspan(1);
    return value;
  }
};

constexpr size_t setCount = 4;

RegexpProgram programIn(Front& from) {
  const uint16_t size = uint16_t(1 + from.byte() % 48);
  std::vector<ByteSet> sets(setCount);
  for (ByteSet& set : sets) {
    const unsigned first = from.byte(), count = from.byte();
    for (unsigned i = 0; i <= count % 64; ++i) set.set((first + i) % 256);
  }
  std::vector<RegexpInstruction> code;
  for (uint16_t i = 0; i + 1 < size; ++i) {
    const auto op = RegexpOp(from.byte() % 4);
    const uint8_t x = from.byte(), y = op == RegexpOp::split ? from.byte() : uint8_t(0);
    const unsigned bound = op == RegexpOp::set ? unsigned(setCount) : op == RegexpOp::assert ? 6u : size;
    code.push_back({op, uint16_t(x % bound), uint16_t(y % size)});
  }
  code.push_back({RegexpOp::match});
  return {std::move(code), std::move(sets), 1 + from.byte() % 100u};
}

}  // namespace

void fuzz(Input input) {
  Front front{input};
  const RegexpProgram program = programIn(front);
  const Input head = front.rest;
  RegexpRun run(program);
  exactly(head, [&](Input bytes) { return run.over(bytes, false); });
  hold(run.steps() <= 2 * program.code.size() * (std::min<size_t>(head.size(), program.maxBytes) + 2), "a byte costs two steps an instruction at most");
  const RegexpMatcher regexp(program);
  // That nothing follows may be what it waits for, so at the end it may be yes.
  const auto read = [&](Input bytes) {
    const Match now = regexp.match({fuzzPeer, bytes, false}), last = regexp.match({fuzzPeer, bytes, true});
    hold(last != Match::more && (now == Match::more || last == now), "at the end it is decided, and not otherwise than before");
    hold(now != Match::more || bytes.size() <= program.maxBytes, "it is decided by the bytes that suffice");
    return now;
  };
  atEveryCut(head, read, untilDecided<Match::more>);
}
