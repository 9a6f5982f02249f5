#include "relay/reachable.h"

#include "core/own_address.h"

namespace millrace {

int mayReachAddress(const DestinationRules& rules, const PeerAddress& peer) {
  switch (rules.aboutAddress(peer)) {
    case DestinationRules::Answer::denied: return 0;
    case DestinationRules::Answer::allowed: return 1;
    case DestinationRules::Answer::admitted: break;
  }
  const int own = isOwnAddress(SocketAddress::of(peer));
  return own < 0 ? own : own == 0;
}

int mayReach(const DestinationRules& rules, const PeerAddress& peer) { return rules.admitsPort(peer.portNumber()) ? mayReachAddress(rules, peer) : 0; }

}  // namespace millrace
