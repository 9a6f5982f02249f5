// When a stream session ends for being idle: no byte moved in either direction for idleTimeoutMs.
// Pure, any thread. Progress in one direction keeps both alive, so a long one-way download lives (pitfall 22).
#pragma once

#include "stage/deadline.h"

namespace millrace {

constexpr uint64_t idleDeadlineMs(uint64_t idleTimeoutMs, uint64_t lastProgressMs) {
  return deadlineAfter(lastProgressMs, idleTimeoutMs);
}

}  // namespace millrace
