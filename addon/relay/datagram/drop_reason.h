// Why a datagram went no further (internal; the names are public through the ledger). The order is that of `dropReasons` in lib/ledger.ts,
// and a test compares the two.
#pragma once
#include <array>
#include <cstddef>
#include <cstdint>

namespace millrace {

enum class DropReason : uint8_t {
  kernelOverflow,  // the socket's receive buffer was full
  noFlow,          // it belongs to no flow, and none begins any more
  tableFull,       // no room for its flow, or no descriptor
  evicted,         // its flow had to give way to another while it was pending
  policy,          // allow, deny, limit, throttle or a route to close()
  handler,         // a handler dropped it, or threw at it
  unreachable,     // the kernel refused to send it, twice
  truncated,       // longer than what was there to receive it
  sendBufferFull,  // the destination's socket takes nothing for now, and as much as may be is pending
  tooLarge,        // longer than the way to its destination takes
  expired,         // its flow ended while it was pending
  malformed,       // its sink has no answer to it
};

inline constexpr std::array dropReasonNames = {
    "kernelOverflow", "noFlow", "tableFull", "evicted", "policy", "handler", "unreachable", "truncated", "sendBufferFull", "tooLarge", "expired", "malformed",
};
inline constexpr size_t dropReasons = dropReasonNames.size();
static_assert(dropReasons == size_t(DropReason::malformed) + 1);

}  // namespace millrace
