// What the timeouts share: the time that never comes, and a sum that cannot wrap.
// Pure functions, any thread. Times are milliseconds of the loop's monotonic clock; a timeout of 0 means never, as in the plan.
#pragma once

#include <cstdint>

namespace millrace {

inline constexpr uint64_t kNeverMs = UINT64_MAX;

constexpr uint64_t deadlineAfter(uint64_t startMs, uint64_t timeoutMs) {
  if (timeoutMs == 0 || startMs == kNeverMs) return kNeverMs;
  return timeoutMs > kNeverMs - startMs ? kNeverMs : startMs + timeoutMs;
}

}  // namespace millrace
