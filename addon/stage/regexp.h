// The matcher `regexp`: whether a regular expression matches within the first bytes of a head, or in a datagram. lib/regexp-program.ts compiles it; here its program runs, all
// its threads at once (Thompson's construction), so a byte costs at most two steps an instruction, whatever the expression and the bytes are.
// `yes` as soon as the bytes there hold a match whatever comes, `no` as soon as nothing that may come can make one. Each call begins anew. Owns the program.
#pragma once

#include <array>
#include <bitset>
#include <utility>
#include <vector>

#include "stage/matcher.h"

namespace millrace {

/// The numbers are those of lib/regexp-program.ts.
enum class RegexpOp : uint8_t {
  set,     // takes a byte that is in set x
  split,   // goes on at x and at y
  jump,    // goes on at x
  assert,  // goes on where RegexpEdge x is
  match,
};
enum class RegexpEdge : uint8_t { begin, end, lineBegin, lineEnd, word, noWord };

struct RegexpInstruction {
  RegexpOp op;
  uint16_t x = 0, y = 0;
};

using ByteSet = std::bitset<256>;

class RegexpProgram {
 public:
  static constexpr size_t mostInstructions = 4'096;

  /// Places are below the number of instructions, which is at most `mostInstructions`, and the last one is `match`.
  RegexpProgram(std::vector<RegexpInstruction> code, std::vector<ByteSet> sets, uint32_t maxBytes);

  const std::vector<RegexpInstruction> code;
  const std::vector<ByteSet> sets;
  const uint32_t maxBytes;

  /// Whether something that may come leads from there to a match.
  bool leads(uint16_t at) const { return leads_[at]; }
  /// Whether a match can only begin with the first byte.
  bool anchored() const { return anchored_; }

 private:
  bool canBeginLater() const;

  std::bitset<mostInstructions> leads_;
  bool anchored_;
};

/// One question to a program; good for one.
class RegexpRun {
 public:
  explicit RegexpRun(const RegexpProgram& program) : program_(program) {}

  Match over(std::span<const uint8_t> head, bool final);
  uint64_t steps() const { return steps_; }

 private:
  using Places = std::array<uint16_t, RegexpProgram::mostInstructions>;

  void enter(uint16_t at);
  void follow(int before, int after);
  void take(uint8_t byte);

  const RegexpProgram& program_;
  uint64_t steps_ = 0;
  bool matched_ = false;
  bool waits_ = false;  // for the byte behind, which is not known
  size_t entered_ = 0;  // of places_: where threads are at this byte
  size_t waiting_ = 0;  // of takers_: the sets among them
  std::bitset<RegexpProgram::mostInstructions> seen_;  // what is in places_
  Places places_, takers_;  // filled as far as their counts
};

class RegexpMatcher final : public Matcher {
 public:
  explicit RegexpMatcher(RegexpProgram program) : program_(std::move(program)) {}

  Match match(const MatchInput& input) const override { return RegexpRun(program_).over(input.head, input.final); }

 private:
  const RegexpProgram program_;
};

}  // namespace millrace
