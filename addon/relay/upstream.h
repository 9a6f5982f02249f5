// Upstream: where a forward goes (internal). Owned by the plan, or by a session that was told where to go. A name has no addresses until `lib` has resolved it, and a set has its members
// instead.
#pragma once
#include <cstdint>
#include <memory>
#include <vector>

#include "relay/upstream_set.h"

namespace millrace {

struct Upstream {
  std::unique_ptr<UpstreamSet> set;
  std::vector<SocketAddress> addresses;
  uint16_t ports = 1;      // with more than one, the listener's place in its range, or the flow's number, is added to the port
  uint32_t preferred = 0;  // where sessions begin: the first that has not failed since
};

}  // namespace millrace
