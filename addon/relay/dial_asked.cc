#include "relay/dial_asked.h"

#include <algorithm>

#include "core/sys.h"
#include "relay/dial.h"
#include "relay/interest.h"
#include "relay/negotiation.h"
#include "stage/deadline.h"

namespace millrace {
namespace {

SocketAddress socketAddressOf(const PeerAddress& peer) { return SocketAddress::of(peer, peer.family == 4 ? AF_INET : AF_INET6); }

bool admits(const DestinationRules& rules, const PeerAddress& peer) {
  switch (rules.about(peer)) {
    case DestinationRules::Answer::denied: return false;
    case DestinationRules::Answer::allowed: return true;
    case DestinationRules::Answer::admitted: break;
  }
  const SocketAddress to = socketAddressOf(peer);
  return !sys::isOwnAddress(to.get(), to.length());
}

void dialAll(Context& c, Session& s, std::span<const PeerAddress> peers) {
  const DestinationRules& rules = *c.nodeOf(s).rules;
  std::vector<SocketAddress>& addresses = s.head->asked->upstream.addresses;
  if (!std::all_of(peers.begin(), peers.end(), [&](const PeerAddress& peer) { return admits(rules, peer); })) return turnAway(c, s, Reason::denied);
  for (const PeerAddress& peer : peers) addresses.push_back(socketAddressOf(peer));
  dial(c, s);
}

}  // namespace

void dialAsked(Context& c, Session& s) {
  const Node& node = c.nodeOf(s);
  const Destination& destination = *s.head->asked->destination;
  if (!node.rules->admitsPort(destination.port())) return turnAway(c, s, Reason::denied);
  if (!destination.isName()) {
    // A proxy on the way dials it from elsewhere, where the same networks are as private.
    if (!node.goesToUpstream()) return dialAll(c, s, std::span(&destination.address(), 1));
    if (node.rules->about(destination.address()) == DestinationRules::Answer::denied) return turnAway(c, s, Reason::denied);
  }
  if (node.goesToUpstream()) return dial(c, s);
  s.phase = Phase::resolving;
  s.phaseDeadlineMs = deadlineAfter(c.now(), node.forward.connectTimeoutMs);
  s.wakeMs = UINT64_MAX;
  c.outbox.push(Lookup{Context::idOf(s.token), std::string(destination.name())});
}

void lookedUp(Context& c, double id, std::span<const SocketAddress> addresses) {
  Session* s = c.findById(id);
  if (!s || s->phase != Phase::resolving || c.nodeOf(*s).goesToUpstream()) return;
  const Destination& destination = *s->head->asked->destination;
  std::vector<PeerAddress> peers;
  for (SocketAddress address : addresses) {
    address.setPort(destination.port());
    peers.push_back(address.peer());
  }
  if (peers.empty()) turnAway(c, *s, Reason::nameUnresolved);
  else dialAll(c, *s, peers);
  settle(c, *s);
}

}  // namespace millrace
