// When a session ends however busy it is: maxDurationMs after it was accepted.
// Pure, any thread.
#pragma once

#include "stage/deadline.h"

namespace millrace {

constexpr uint64_t maxDurationDeadlineMs(uint64_t maxDurationMs, uint64_t acceptedAtMs) {
  return deadlineAfter(acceptedAtMs, maxDurationMs);
}

}  // namespace millrace
