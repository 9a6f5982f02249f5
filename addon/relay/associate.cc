#include "relay/associate.h"

#include <errno.h>
#include <string.h>

#include <algorithm>

#include "core/secret.h"
#include "core/sys.h"
#include "relay/association_sending.h"
#include "relay/ending.h"
#include "relay/interest.h"
#include "relay/negotiation.h"
#include "relay/reachable.h"
#include "relay/walk.h"

namespace millrace {
namespace {

using Slots = AssociationSlots;

Association* associationOf(Context& c, const Session& s) {
  const auto found = c.associations.find(s.token.index);
  return found == c.associations.end() ? nullptr : found->second.get();
}

/// Datagrams of a call, each in its slot behind room for a header.
struct Intake {
  std::array<mmsghdr, Slots::most> headers{};
  std::array<iovec, Slots::most> vectors;
  std::array<sockaddr_storage, Slots::most> names;
  alignas(cmsghdr) uint8_t control[Slots::most][CMSG_SPACE(sizeof(uint32_t))];

  int receive(Slots& slots, int fd) {
    for (unsigned i = 0; i < Slots::most; ++i) {
      vectors[i] = {slots.at(i), Slots::bytes};
      msghdr& header = headers[i].msg_hdr;
      header = {&names[i], sizeof names[i], &vectors[i], 1, control[i], sizeof control[i], 0};
    }
    return sys::recvmmsg(fd, headers.data(), Slots::most);
  }
  PeerAddress from(unsigned i) const { return PeerAddress::from(reinterpret_cast<const sockaddr*>(&names[i]), headers[i].msg_hdr.msg_namelen); }
  std::span<uint8_t> bytes(unsigned i) const { return {static_cast<uint8_t*>(vectors[i].iov_base), headers[i].msg_len}; }

  /// How many the socket has lost since `before`, which is then now.
  uint32_t lost(unsigned i, uint32_t& before) {
    for (cmsghdr* it = CMSG_FIRSTHDR(&headers[i].msg_hdr); it; it = CMSG_NXTHDR(&headers[i].msg_hdr, it)) {
      if (it->cmsg_level != SOL_SOCKET || it->cmsg_type != SO_RXQ_OVFL) continue;
      uint32_t now;
      memcpy(&now, CMSG_DATA(it), sizeof now);
      return now - std::exchange(before, now);
    }
    return 0;
  }
};

void countLost(Context& c, Session& s, unsigned d, uint32_t lost) {
  if (lost == 0) return;
  c.countersOf(s).datagrams[d].received += lost;
  countDropped(c, s, d, DropReason::kernelOverflow, 0, lost);
}

/// Only the client's address, and once that is known, its port.
bool mayBeClient(const Association& a, const PeerAddress& from) { return from.sameAddress(a.client) && (a.client.portNumber() == 0 || from == a.client); }

bool mayHold(const Association& a, size_t bytes) { return a.held.size() < Association::mostHeld && a.heldBytes + bytes <= Association::mostHeldBytes; }

/// Keeps a datagram until its name is known, if there is room.
void hold(Context& c, Session& s, Association& a, const std::string& name, uint16_t port, std::span<const uint8_t> payload) {
  if (!mayHold(a, payload.size())) return countDropped(c, s, toUpstream, DropReason::tableFull, payload.size());
  a.held.push_back({name, port, {payload.begin(), payload.end()}});
  a.heldBytes += payload.size();
  c.bytesOf(s, toUpstream).pending += payload.size();
  ++c.countersOf(s).datagrams[toUpstream].pending;
}

void addNamed(Batch& batch, Context& c, Session& s, Association& a, const Destination& destination, std::span<uint8_t> payload) {
  const std::string name(destination.name());
  Association::Name* it = a.names.find(name);
  if (!it || (it->known && it->untilMs <= c.now())) {
    // Asked for is only what something waits for, so that one client has few names under way.
    if (!mayHold(a, payload.size())) return countDropped(c, s, toUpstream, DropReason::tableFull, payload.size());
    it = &a.names.add(name, {});
    c.outbox.push(Lookup{Context::idOf(s.token), name});
  }
  if (!it->known) return hold(c, s, a, name, destination.port(), payload);
  if (it->address.family == 0) return countDropped(c, s, toUpstream, DropReason::unreachable, payload.size());
  PeerAddress to = it->address;
  memcpy(to.port, destination.address().port, sizeof to.port);
  addTo(batch, c, s, a, to, payload);
}

void readInside(Context& c, Session& s, Association& a) {
  Intake intake;
  const int got = intake.receive(c.associationSlots, a.inside.get());
  Batch batch;
  for (unsigned i = 0; int(i) < got; ++i) {
    countLost(c, s, toUpstream, intake.lost(i, a.overflow[0]));
    const auto bytes = intake.bytes(i);
    countReceived(c, s, toUpstream, bytes.size());
    const bool whole = !(intake.headers[i].msg_hdr.msg_flags & MSG_TRUNC);
    const PeerAddress from = intake.from(i);
    if (!mayBeClient(a, from)) {
      countDropped(c, s, toUpstream, DropReason::policy, bytes.size());
      continue;
    }
    const SocksDatagram datagram = readSocksDatagram(bytes);
    const auto destination = datagram.state == SocksState::whole ? datagram.at.destination() : std::nullopt;
    if (!destination || !whole) {
      countDropped(c, s, toUpstream, whole ? DropReason::malformed : DropReason::truncated, bytes.size());
      continue;
    }
    // Its port is that of its first datagram, unless it has said another; what is no datagram of SOCKS says nothing.
    if (a.client.portNumber() == 0) memcpy(a.client.port, from.port, sizeof from.port);
    c.bytesOf(s, toUpstream).consumed += datagram.bytes;
    const auto payload = bytes.subspan(datagram.bytes);
    if (destination->isName()) addNamed(batch, c, s, a, *destination, payload);
    else addTo(batch, c, s, a, destination->address(), payload);
  }
  sendBatch(batch, c, s, a);
}

void readOutside(Context& c, Session& s, Association& a, unsigned side) {
  Intake intake;
  const int got = intake.receive(c.associationSlots, a.outside[side].get());
  std::array<Outgoing, Slots::most> list;
  size_t count = 0;
  for (unsigned i = 0; int(i) < got; ++i) {
    countLost(c, s, toDownstream, intake.lost(i, a.overflow[1 + side]));
    const auto payload = intake.bytes(i);
    countReceived(c, s, toDownstream, payload.size());
    const PeerAddress from = intake.from(i);
    const bool* known = a.contacts.find(from);
    if (!known || !*known || a.client.portNumber() == 0 || !mayPass(c, s, toDownstream, payload.size())) {
      countDropped(c, s, toDownstream, DropReason::policy, payload.size());
      continue;
    }
    SocksBuffer buffer;
    const auto header = writeSocksDatagramHeader(from, buffer);
    static_assert(Slots::headroom >= 3 + 1 + 16 + 2);
    uint8_t* begin = payload.data() - header.size();
    std::copy(header.begin(), header.end(), begin);
    c.bytesOf(s, toDownstream).produced += header.size();
    Outgoing& out = list[count++];
    out.vector = {begin, header.size() + payload.size()};
    out.to = SocketAddress::of(a.client, a.client.family == 4 ? AF_INET : AF_INET6, a.clientScope);
  }
  if (count > 0) sendAll(c, s, a.inside.get(), toDownstream, std::span(list).first(count));
}

/// The address that the client has reached us at, without a port where it has one. A link-local one keeps its interface.
SocketAddress addressFor(const Session& s) {
  SocketAddress at = SocketAddress::boundTo(s.sides[0].fd.get());
  if (const PeerAddress peer = at.peer(); peer.family == 4) at = SocketAddress::of(peer);
  if (!at.isUnix()) at.setPort(0);
  return at;
}

}  // namespace

void associate(Context& c, Session& s) {
  const Node& node = c.nodeOf(s);
  const Settings& settings = node.settings;
  const SocketAddress at = addressFor(s);
  // Datagrams have no part in what JS makes of a stream, and a proxy on the way was asked for streams.
  if (!node.associates || at.isUnix() || settings.transform[toUpstream] || settings.transform[toDownstream] || node.goesToUpstream()) return refuseCommand(c, s);
  auto association = std::make_unique<Association>(randomSeed(&s));
  int error = openBound(association->inside, at);
  if (error == 0) error = watchAssociation(c, s, association->inside, Context::associationInsideKind, 0);
  if (error < 0) {
    s.error = -error;
    return turnAway(c, s, error == -EMFILE || error == -ENFILE ? Reason::descriptorLimit : Reason::ioError);
  }
  association->client = s.downstream;
  association->clientScope = at.scope();
  memset(association->client.port, 0, sizeof association->client.port);
  // A client that knows its port says so, unless a translator on the way makes another of it.
  if (const PeerAddress& said = s.head->asked->from; said.sameAddress(s.downstream)) memcpy(association->client.port, said.port, sizeof said.port);
  tellConnected(c, s, association->inside.get());
  if (s.phase == Phase::closed) return;
  c.associations.insert_or_assign(s.token.index, std::move(association));
  beginRelaying(c, s);
}

void lookedUpForDatagrams(Context& c, Session& s, const std::string& name, std::span<const PeerAddress> addresses) {
  Association* a = associationOf(c, s);
  if (!a) return;
  const auto mayAll = [&] { return std::all_of(addresses.begin(), addresses.end(), [&](const PeerAddress& one) { return mayReachAddress(*c.nodeOf(s).rules, one) > 0; }); };
  Association::Name found;
  found.known = true;
  found.untilMs = c.now() + Association::nameMs;
  const bool refused = !mayAll();
  if (!addresses.empty() && !refused) found.address = addresses[0];
  a->names.add(name, found);
  Batch batch;
  std::vector<HeldDatagram> rest, due;
  for (HeldDatagram& one : a->held) (one.name == name ? due : rest).push_back(std::move(one));
  a->held = std::move(rest);
  for (HeldDatagram& one : due) {
    a->heldBytes -= one.payload.size();
    c.bytesOf(s, toUpstream).pending -= one.payload.size();
    --c.countersOf(s).datagrams[toUpstream].pending;
    if (found.address.family == 0) {
      countDropped(c, s, toUpstream, refused ? DropReason::policy : DropReason::unreachable, one.payload.size());
      continue;
    }
    PeerAddress to = found.address;
    to.port[0] = uint8_t(one.port >> 8);
    to.port[1] = uint8_t(one.port);
    addTo(batch, c, s, *a, to, one.payload);
  }
  sendBatch(batch, c, s, *a);
}

void endAssociation(Context& c, Session& s) {
  if (c.associations.empty()) return;
  Association* a = associationOf(c, s);
  if (!a) return;
  // No later datagram tells of what was lost behind the last one.
  countLost(c, s, toUpstream, sys::lostSince(a->inside.get(), a->overflow[0]));
  for (unsigned side = 0; side < 2; ++side) {
    if (a->outside[side]) countLost(c, s, toDownstream, sys::lostSince(a->outside[side].get(), a->overflow[1 + side]));
  }
  for (const HeldDatagram& one : a->held) {
    c.bytesOf(s, toUpstream).pending -= one.payload.size();
    --c.countersOf(s).datagrams[toUpstream].pending;
    countDropped(c, s, toUpstream, DropReason::expired, one.payload.size());
  }
  c.associations.erase(s.token.index);
}

void AssociationEvents::onReady(Token token, unsigned side, uint32_t) {
  Session* s = c_.sessions.find(token);
  Association* a = s && s->phase != Phase::closed ? associationOf(c_, *s) : nullptr;
  if (!a) return;
  if (s->phase != Phase::relaying) return endAssociation(c_, *s);
  if (inside_) readInside(c_, *s, *a);
  else readOutside(c_, *s, *a, side);
  settle(c_, *s);
}

}  // namespace millrace
