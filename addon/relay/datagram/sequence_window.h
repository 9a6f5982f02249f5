// SequenceWindow: what the numbers of the replies of one flow say (internal): which were lost, late or doubled. Knows the last 256 numbers. A
// value of one loop's thread.
#pragma once
#include <cstdint>

namespace millrace {

struct SequenceWindow {
  enum class Kind : uint8_t { inOrder, reordered, duplicate };

  uint32_t expected = 0;  // one more than the highest number seen
  uint64_t unique = 0;

  Kind add(uint32_t number) {
    const auto ahead = int32_t(number - expected);
    Kind kind = Kind::inOrder;
    if (ahead >= 0) {
      for (uint32_t n = ahead >= 256 ? number - 255 : expected; n != number; ++n) word(n) &= ~mask(n);
      expected = number + 1;
    } else if (ahead >= -256 && word(number) & mask(number)) {
      return Kind::duplicate;
    } else {
      kind = Kind::reordered;
    }
    if (ahead >= -256) word(number) |= mask(number);
    ++unique;
    return kind;
  }

 private:
  uint64_t& word(uint32_t number) { return seen_[number / 64 % 4]; }
  static uint64_t mask(uint32_t number) { return uint64_t(1) << number % 64; }

  uint64_t seen_[4] = {};  // by number modulo 256
};

}  // namespace millrace
