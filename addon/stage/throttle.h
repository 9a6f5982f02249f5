// A token bucket of bytes, exact to a thousandth: a rate of B bytes a second is B thousandths a millisecond, so nothing is rounded.
// Owns nothing; a value of 24 bytes for one direction of a session. Loop thread only. Nothing fails.
// Invariant: in any window of t ms of the clock it is given, at most burst + rate * t / 1000 bytes are taken; a clock that
// goes back adds nothing. Never configured, or at 0 bytes a second, it limits nothing.
// A burst is 1 byte to 4 GiB - 1 and is clamped to that.
#pragma once

#include <algorithm>
#include <cassert>
#include <cstdint>

namespace millrace {

struct TokenBucket {
  // Starts full.
  void configure(uint64_t bytesPerSecond, uint64_t burstBytes, uint64_t nowMs) {
    rate = bytesPerSecond;
    burst = static_cast<uint32_t>(std::clamp<uint64_t>(burstBytes, 1, UINT32_MAX));
    whole = burst;
    thousandths = 0;
    lastMs = nowMs;
  }

  bool limits() const { return rate != 0; }

  // How many bytes may be taken now; UINT64_MAX where nothing is limited.
  uint64_t available(uint64_t nowMs) {
    if (!limits()) return UINT64_MAX;
    refill(nowMs);
    return whole;
  }

  // At most what `available` said.
  void take(uint64_t bytes) {
    if (!limits()) return;
    assert(bytes <= whole);
    whole -= static_cast<uint32_t>(std::min<uint64_t>(bytes, whole));
  }

  // Milliseconds, rounded up, until that many bytes (at most the burst) may be taken. 0: now.
  uint64_t msUntil(uint64_t bytes, uint64_t nowMs) {
    const uint64_t wanted = std::min<uint64_t>(bytes, burst);
    if (available(nowMs) >= wanted) return 0;
    return divideUp((wanted - whole) * 1000 - thousandths, rate);
  }

  // Takes all of one datagram, or nothing. One longer than the burst goes with a full bucket, or it could never go.
  bool takeWhole(uint64_t bytes, uint64_t nowMs) {
    if (msUntil(bytes, nowMs) > 0) return false;
    take(std::min(bytes, available(nowMs)));
    return true;
  }

 private:
  static constexpr uint64_t divideUp(uint64_t a, uint64_t b) { return a / b + (a % b != 0); }

  void refill(uint64_t nowMs) {
    const uint64_t elapsed = (nowMs - lastMs) & kClockMask;
    if (elapsed == 0 || elapsed > kClockMask / 2) return;  // the clock stood still or went back
    lastMs = nowMs;
    const uint64_t missing = uint64_t{burst - whole} * 1000 - thousandths;
    if (elapsed >= divideUp(missing, rate)) {
      whole = burst;
      thousandths = 0;
      return;
    }
    const uint64_t sum = thousandths + rate * elapsed;  // less than missing, so it cannot overflow
    whole += static_cast<uint32_t>(sum / 1000);
    thousandths = sum % 1000;
  }

  static constexpr int kClockBits = 54;  // 570,000 years; differences are taken modulo this
  static constexpr uint64_t kClockMask = (uint64_t{1} << kClockBits) - 1;

  uint64_t rate = 0;      // bytes a second
  uint32_t burst = 0;     // bytes
  uint32_t whole = 0;     // bytes that may be taken
  uint64_t lastMs : kClockBits = 0;
  uint64_t thousandths : 10 = 0;  // of a byte, below 1000; 0 while full
};

static_assert(sizeof(TokenBucket) == 24);

}  // namespace millrace
