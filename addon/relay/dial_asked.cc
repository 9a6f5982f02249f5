#include "relay/dial_asked.h"

#include <algorithm>

#include "relay/associate.h"
#include "relay/dial.h"
#include "relay/interest.h"
#include "relay/negotiation.h"
#include "relay/reachable.h"
#include "stage/deadline.h"

namespace millrace {
namespace {

/// The close event says what was not to be reached, where that is an address and no name.
void deny(Context& c, Session& s, const PeerAddress& peer) {
  s.upstream = peer;
  turnAway(c, s, Reason::denied);
}

void dialAll(Context& c, Session& s, std::span<const PeerAddress> peers) {
  const DestinationRules& rules = *c.nodeOf(s).rules;
  std::vector<SocketAddress>& addresses = s.head->asked->upstream.addresses;
  for (const PeerAddress& peer : peers) {
    const int admitted = mayReach(rules, peer);
    if (admitted == 0) return deny(c, s, peer);
    if (admitted < 0) {
      s.error = -admitted;
      return turnAway(c, s, Reason::descriptorLimit);
    }
    addresses.push_back(SocketAddress::of(peer));
  }
  dial(c, s);
}

}  // namespace

void dialAsked(Context& c, Session& s) {
  const Node& node = c.nodeOf(s);
  if (s.head->asked->command == socks::associate) return associate(c, s);
  const Destination& destination = *s.head->asked->destination;
  if (!node.rules->admitsPort(destination.port())) return deny(c, s, destination.address());
  if (!destination.isName()) {
    // A proxy on the way dials it from elsewhere, where the same networks are as private.
    if (!node.goesToUpstream()) return dialAll(c, s, std::span(&destination.address(), 1));
    if (node.rules->about(destination.address()) == DestinationRules::Answer::denied) return deny(c, s, destination.address());
  }
  if (node.goesToUpstream()) return dial(c, s);
  s.phase = Phase::resolving;
  s.phaseDeadlineMs = deadlineAfter(c.now(), node.forward.connectTimeoutMs);
  s.wakeMs = UINT64_MAX;
  c.outbox.push(Lookup{Context::idOf(s.token), std::string(destination.name())});
}

void lookedUp(Context& c, double id, const std::string& name, std::span<const SocketAddress> addresses) {
  Session* s = c.findById(id);
  if (!s) return;
  std::vector<PeerAddress> peers;
  for (const SocketAddress& address : addresses) peers.push_back(address.peer());
  if (s->phase == Phase::relaying) {
    lookedUpForDatagrams(c, *s, name, peers);
  } else if (s->phase == Phase::resolving && !c.nodeOf(*s).goesToUpstream()) {
    for (PeerAddress& peer : peers) std::copy_n(s->head->asked->destination->address().port, 2, peer.port);
    if (peers.empty()) turnAway(c, *s, Reason::nameUnresolved);
    else dialAll(c, *s, peers);
  }
  settle(c, *s);
}

}  // namespace millrace
