// The gate `deny`: lets a session go on unless its peer is in one of the networks.
// Owns the set, which must be sealed. Read-only, any thread. A unix peer is in no network and goes on.
#pragma once

#include <utility>

#include "core/cidr.h"

namespace millrace {

class DenyGate {
 public:
  explicit DenyGate(CidrSet networks) : networks_(std::move(networks)) {}

  bool admits(const PeerAddress& peer) const { return !networks_.contains(peer); }

 private:
  CidrSet networks_;
};

}  // namespace millrace
