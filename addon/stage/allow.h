// The gate `allow`: lets a session go on if its peer is in one of the networks.
// Read-only. A unix peer is in no network and is refused.
#pragma once

#include <utility>

#include "stage/networks.h"

namespace millrace {

class AllowGate {
 public:
  explicit AllowGate(Networks networks) : networks_(std::move(networks)) {}

  bool admits(const PeerAddress& peer) const { return networks_.contains(peer); }

 private:
  Networks networks_;
};

}  // namespace millrace
