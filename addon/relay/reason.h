// Why a session ended (internal; the names are public through the events). The order is that of `closeReasons` in lib/ledger.ts,
// and a test compares the two. A reason is a value, never an error: whatever a peer can cause is one of these.
#pragma once
#include <array>
#include <cstdint>

namespace millrace {

enum class Reason : uint8_t {
  finished, resetByDownstream, resetByUpstream, idleTimeout, halfCloseTimeout, maxDuration,
  headTimeout, headTooLarge, headIncomplete, denied, limited, rejected, handlerError, closedByHandler, resetByHandler,
  closedByPlan, resetByPlan, connectRefused, connectTimeout, connectUnreachable, connectFailed, nameUnresolved,
  descriptorLimit, pendingLimit, serverClosed, ioError, evicted, malformed,
  loginFailed, proxyFailed, noUpstream, queueFull, queueTimeout, upstreamUnhealthy,
};

inline constexpr std::array reasonNames = {
    "finished", "resetByDownstream", "resetByUpstream", "idleTimeout", "halfCloseTimeout", "maxDuration",
    "headTimeout", "headTooLarge", "headIncomplete", "denied", "limited", "rejected", "handlerError", "closedByHandler",
    "resetByHandler", "closedByPlan", "resetByPlan", "connectRefused", "connectTimeout", "connectUnreachable",
    "connectFailed", "nameUnresolved", "descriptorLimit", "pendingLimit", "serverClosed", "ioError",
    "evicted", "malformed", "loginFailed", "proxyFailed", "noUpstream", "queueFull", "queueTimeout", "upstreamUnhealthy",
};
static_assert(reasonNames.size() == size_t(Reason::upstreamUnhealthy) + 1);

}  // namespace millrace
