// Runs programs of lib/regexp-program.ts as the addon does. A line on standard input is `maxBytes code sets head`: numbers with commas, sets of 32 bytes one after the other and the head in
// hexadecimal, `-` for nothing. The answer is a letter for each beginning of the head, from none to all of it: y, n, m, then the same where that is the end, then the steps of the longest.
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <memory>
#include <sstream>
#include <string>

#include "stage/regexp.h"

using namespace millrace;

namespace {

std::vector<uint8_t> fromHex(const std::string& text) {
  std::vector<uint8_t> bytes;
  for (size_t at = 0; text != "-" && at + 1 < text.size(); at += 2) bytes.push_back(uint8_t(std::stoul(text.substr(at, 2), nullptr, 16)));
  return bytes;
}

RegexpProgram programOf(uint32_t maxBytes, const std::string& code, const std::string& sets) {
  std::vector<RegexpInstruction> instructions;
  std::stringstream numbers(code);
  std::string op, x, y;
  while (std::getline(numbers, op, ',') && std::getline(numbers, x, ',') && std::getline(numbers, y, ',')) {
    instructions.push_back({RegexpOp(std::stoul(op)), uint16_t(std::stoul(x)), uint16_t(std::stoul(y))});
  }
  std::vector<ByteSet> byteSets;
  const auto bits = fromHex(sets);
  for (size_t at = 0; at < bits.size(); at += 32) {
    ByteSet& set = byteSets.emplace_back();
    for (size_t byte = 0; byte < 256; ++byte) set[byte] = bits[at + byte / 8] >> (byte % 8) & 1;
  }
  return {std::move(instructions), std::move(byteSets), maxBytes};
}

}  // namespace

int main() {
  std::string line;
  while (std::getline(std::cin, line)) {
    std::stringstream words(line);
    uint32_t maxBytes = 0;
    std::string code, sets, text;
    words >> maxBytes >> code >> sets >> text;
    const RegexpProgram program = programOf(maxBytes, code, sets);
    const auto head = fromHex(text);
    std::string answers[2];
    uint64_t steps = 0;
    for (size_t length = 0; length <= head.size(); ++length) {
      // In an allocation of exactly its size, so that ASan sees every byte read past it.
      const auto copy = std::make_unique<uint8_t[]>(length);
      if (length > 0) std::memcpy(copy.get(), head.data(), length);
      for (const bool final : {false, true}) {
        RegexpRun run(program);
        answers[final] += "nym"[int(run.over({copy.get(), length}, final))];
        steps = run.steps();
      }
    }
    std::cout << answers[0] << ' ' << answers[1] << ' ' << steps << std::endl;
  }
  return 0;
}
