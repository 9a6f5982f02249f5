#include "relay/reachable.h"

#include "core/sys.h"

namespace millrace {

SocketAddress socketAddressOf(const PeerAddress& peer) { return SocketAddress::of(peer, peer.family == 4 ? AF_INET : AF_INET6); }

int mayReachAddress(const DestinationRules& rules, const PeerAddress& peer) {
  switch (rules.aboutAddress(peer)) {
    case DestinationRules::Answer::denied: return 0;
    case DestinationRules::Answer::allowed: return 1;
    case DestinationRules::Answer::admitted: break;
  }
  const SocketAddress to = socketAddressOf(peer);
  const int own = sys::isOwnAddress(to.get(), to.length());
  return own < 0 ? own : own == 0;
}

int mayReach(const DestinationRules& rules, const PeerAddress& peer) { return rules.admitsPort(peer.portNumber()) ? mayReachAddress(rules, peer) : 0; }

}  // namespace millrace
