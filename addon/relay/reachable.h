// Whether a client may be taken to an address (internal): the rules of its node, and for what they only admit that it is not an address of this machine, which may have any. One loop's thread only.
#pragma once
#include "core/address.h"
#include "stage/destination_rules.h"

namespace millrace {

/// 1 or 0, or -errno where that cannot be found out now.
int mayReach(const DestinationRules& rules, const PeerAddress& peer);
/// The same whatever the port.
int mayReachAddress(const DestinationRules& rules, const PeerAddress& peer);

}  // namespace millrace
