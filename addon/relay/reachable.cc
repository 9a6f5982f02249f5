#include "relay/reachable.h"

#include "core/sys.h"

namespace millrace {

SocketAddress socketAddressOf(const PeerAddress& peer) { return SocketAddress::of(peer, peer.family == 4 ? AF_INET : AF_INET6); }

bool mayReachAddress(const DestinationRules& rules, const PeerAddress& peer) {
  switch (rules.aboutAddress(peer)) {
    case DestinationRules::Answer::denied: return false;
    case DestinationRules::Answer::allowed: return true;
    case DestinationRules::Answer::admitted: break;
  }
  const SocketAddress to = socketAddressOf(peer);
  return !sys::isOwnAddress(to.get(), to.length());
}

bool mayReach(const DestinationRules& rules, const PeerAddress& peer) { return rules.admitsPort(peer.portNumber()) && mayReachAddress(rules, peer); }

}  // namespace millrace
