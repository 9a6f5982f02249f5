// The matcher `remoteAddress`: whether the peer is in one of the networks; never needs a byte.
// Owns the set, which must be sealed.
#pragma once

#include <utility>

#include "core/cidr.h"
#include "stage/matcher.h"

namespace millrace {

class RemoteAddressMatcher final : public Matcher {
 public:
  explicit RemoteAddressMatcher(CidrSet networks) : networks_(std::move(networks)) {}

  Match match(const MatchInput& input) const override { return networks_.contains(input.peer) ? Match::yes : Match::no; }
  bool readsHead() const override { return false; }

 private:
  CidrSet networks_;
};

}  // namespace millrace
