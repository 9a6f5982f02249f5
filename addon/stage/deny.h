// The gate `deny`: lets a session go on unless its peer is in one of the networks.
// Read-only. A unix peer is in no network and goes on.
#pragma once

#include <utility>

#include "stage/networks.h"

namespace millrace {

class DenyGate {
 public:
  explicit DenyGate(Networks networks) : networks_(std::move(networks)) {}

  bool admits(const PeerAddress& peer) const { return !networks_.contains(peer); }

 private:
  Networks networks_;
};

}  // namespace millrace
