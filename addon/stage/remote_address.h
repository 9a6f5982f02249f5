// The matcher `remoteAddress`: whether the peer is in one of the networks; never needs a byte.
// Owns the networks.
#pragma once

#include <utility>

#include "stage/matcher.h"
#include "stage/networks.h"

namespace millrace {

class RemoteAddressMatcher final : public Matcher {
 public:
  explicit RemoteAddressMatcher(Networks networks) : networks_(std::move(networks)) {}

  Match match(const MatchInput& input) const override { return networks_.contains(input.peer) ? Match::yes : Match::no; }
  bool readsHead() const override { return false; }

 private:
  Networks networks_;
};

}  // namespace millrace
