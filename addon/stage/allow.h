// The gate `allow`: lets a session go on if its peer is in one of the networks.
// Owns the set, which must be sealed. Read-only, any thread. A unix peer is in no network and is refused.
#pragma once

#include <utility>

#include "core/cidr.h"

namespace millrace {

class AllowGate {
 public:
  explicit AllowGate(CidrSet networks) : networks_(std::move(networks)) {}

  bool admits(const PeerAddress& peer) const { return networks_.contains(peer); }

 private:
  CidrSet networks_;
};

}  // namespace millrace
