// The compiled pipeline as the engine runs it (internal): the C++ side of lib/plan.ts. Built once by addon/node/plan_reader from
// checked values; afterwards only the limits' counts and the upstreams' addresses change. One loop's thread only.
// Invariant: every node is reached on exactly one path, so `parent` leads from any node back over all that a session has passed.
#pragma once
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/address.h"
#include "stage/allow.h"
#include "stage/deny.h"
#include "stage/keep_alive.h"
#include "stage/limit.h"
#include "stage/matcher.h"

namespace millrace {

enum class Op : uint8_t { allow, deny, limit, ask, route, forward, echo, discard, stream, close, reset };

struct Rate {
  uint64_t bytesPerSecond = 0;  // 0: no throttle
  uint64_t burstBytes = 0;
};

struct Settings {
  uint64_t idleTimeoutMs = 0;
  uint64_t halfCloseTimeoutMs = 0;
  uint64_t maxDurationMs = 0;
  uint32_t highWaterBytes = 256 * 1024;
  Rate throttle[2];
  bool transform[2] = {false, false};
  std::optional<KeepAlive> keepAlive;
};

struct HeadLimits {
  uint32_t minBytes = 0;
  uint32_t maxBytes = 0;
  uint64_t timeoutMs = 0;
};

struct ForwardOptions {
  uint32_t upstream = 0;
  uint64_t connectTimeoutMs = 0;
  uint32_t retries = 0;
  std::optional<SocketAddress> source;
};

struct Node {
  static constexpr uint32_t none = UINT32_MAX;
  Op op;
  uint32_t parent = none;
  std::vector<uint32_t> next;  // route: one a matcher, then `otherwise`
  std::optional<AllowGate> allow;
  std::optional<DenyGate> deny;
  std::unique_ptr<LimitStage> limit;
  std::vector<MatcherPtr> when;
  HeadLimits head;
  ForwardOptions forward;
  Settings settings;
};

/// Where a forward goes. A name has no addresses until `lib` has resolved it.
struct Upstream {
  std::vector<SocketAddress> addresses;
  uint32_t preferred = 0;  // where sessions begin: the first that has not failed since
};

struct Plan {
  std::vector<SocketAddress> listen;
  int backlog = 0;
  bool dualStack = true;
  std::vector<Node> nodes;
  std::vector<Upstream> upstreams;
};

}  // namespace millrace
