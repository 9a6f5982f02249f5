// When a half-closed session ends: halfCloseTimeoutMs after the FIN or after the last byte the open direction moved, whichever
// is later; a direction that makes progress is never cut.
// Pure, any thread. halfClosedAtMs is kNeverMs while both directions are open.
#pragma once

#include "stage/deadline.h"

namespace millrace {

constexpr uint64_t halfCloseDeadlineMs(uint64_t halfCloseTimeoutMs, uint64_t halfClosedAtMs, uint64_t lastProgressMs) {
  return deadlineAfter(halfClosedAtMs > lastProgressMs ? halfClosedAtMs : lastProgressMs, halfCloseTimeoutMs);
}

}  // namespace millrace
