#include "relay/association_sending.h"

#include <errno.h>

#include <algorithm>

#include "core/sys.h"
#include "relay/reachable.h"

namespace millrace {
namespace {

void countSent(Context& c, Session& s, unsigned d, size_t bytes) {
  Counters& counters = c.countersOf(s);
  ++counters.datagrams[d].sent;
  counters.bytes[d].sent += bytes;
  s.pumps[d].sent += bytes;
  s.progressMs = c.now();
}

DropReason reasonFor(int error) {
  switch (error) {
    case EAGAIN: case ENOBUFS: case ENOMEM: return DropReason::sendBufferFull;
    case EMSGSIZE: return DropReason::tooLarge;
    default: return DropReason::unreachable;
  }
}

/// The socket by which datagrams for a family leave; 0 or -errno.
int openOutside(Context& c, Session& s, Association& a, unsigned side) {
  Fd& fd = a.outside[side];
  if (fd) return 0;
  const int family = side == 0 ? AF_INET : AF_INET6;
  const SocketAddress any = SocketAddress::of(PeerAddress{.family = uint8_t(side == 0 ? 4 : 6)}, family);
  int error = c.nodeOf(s).forward.sources.fromEach(family, c.now(), SIZE_MAX, [&](const SocketAddress* source) { return openBound(fd, source ? *source : any); });
  if (error == 0) error = watchAssociation(c, s, fd, Context::associationOutsideKind, uint8_t(side));
  if (error < 0) fd.reset();
  return error;
}

/// As mayReach(), which is asked once.
int isReachable(Context& c, const Session& s, Association& a, const PeerAddress& to) {
  if (const bool* known = a.contacts.find(to)) return *known;
  const int may = mayReach(*c.nodeOf(s).rules, to);
  if (may >= 0) a.contacts.add(to, may > 0);
  return may;
}

}  // namespace

void countReceived(Context& c, const Session& s, unsigned d, size_t bytes) {
  Counters& counters = c.countersOf(s);
  ++counters.datagrams[d].received;
  counters.bytes[d].received += bytes;
}

void countDropped(Context& c, const Session& s, unsigned d, DropReason reason, size_t bytes, uint64_t datagrams) {
  Counters& counters = c.countersOf(s);
  counters.datagrams[d].dropped[size_t(reason)] += datagrams;
  counters.datagrams[d].droppedBytes[size_t(reason)] += bytes;
  counters.bytes[d].dropped += bytes;
}

int openBound(Fd& fd, const SocketAddress& at) {
  const int made = sys::socket(at.family(), SOCK_DGRAM);
  if (made < 0) return made;
  fd = Fd(made);
  if (at.family() == AF_INET6) sys::setInt(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, 1);
  sys::setInt(fd.get(), SOL_SOCKET, SO_RXQ_OVFL, 1);
  return ::bind(fd.get(), at.get(), at.length()) < 0 ? -errno : 0;
}

int watchAssociation(Context& c, const Session& s, const Fd& fd, uint8_t kind, uint8_t side) { return c.loop.poller().add(fd.get(), EPOLLIN, Key{s.token, kind, side}); }

void sendAll(Context& c, Session& s, int fd, unsigned d, std::span<Outgoing> list) {
  std::array<mmsghdr, AssociationSlots::most> headers;
  for (size_t i = 0; i < list.size(); ++i) {
    Outgoing& it = list[i];
    it.header.msg_iov = &it.vector;
    it.header.msg_iovlen = 1;
    it.header.msg_name = const_cast<sockaddr*>(it.to.get());
    it.header.msg_namelen = it.to.length();
    headers[i].msg_hdr = it.header;
  }
  for (size_t at = 0; at < list.size();) {
    const int sent = sys::sendmmsg(fd, &headers[at], unsigned(list.size() - at));
    for (size_t i = 0; sent > 0 && i < size_t(sent); ++i) countSent(c, s, d, list[at + i].vector.iov_len);
    at += size_t(std::max(sent, 0));
    if (sent >= 0) continue;
    const DropReason reason = reasonFor(-sent);
    const size_t refused = reason == DropReason::sendBufferFull ? list.size() - at : 1;
    for (size_t i = 0; i < refused; ++i) countDropped(c, s, d, reason, list[at + i].vector.iov_len);
    at += refused;
  }
}

bool mayPass(Context& c, Session& s, unsigned d, size_t bytes) {
  return !s.buckets || s.buckets[d].takeWhole(bytes, c.now());
}

void addTo(Batch& batch, Context& c, Session& s, Association& a, const PeerAddress& to, std::span<uint8_t> payload) {
  const unsigned side = to.family == 4 ? 0 : 1;
  if (const int may = isReachable(c, s, a, to); may <= 0) return countDropped(c, s, toUpstream, may < 0 ? DropReason::tableFull : DropReason::policy, payload.size());
  if (const int error = openOutside(c, s, a, side)) return countDropped(c, s, toUpstream, error == -EMFILE || error == -ENFILE ? DropReason::tableFull : DropReason::unreachable, payload.size());
  if (!mayPass(c, s, toUpstream, payload.size())) return countDropped(c, s, toUpstream, DropReason::policy, payload.size());
  Outgoing& out = batch.list[side][batch.count[side]++];
  out.vector = {payload.data(), payload.size()};
  out.to = SocketAddress::of(to);
}

void sendBatch(Batch& batch, Context& c, Session& s, Association& a) {
  for (unsigned side = 0; side < 2; ++side) {
    if (batch.count[side] > 0) sendAll(c, s, a.outside[side].get(), toUpstream, std::span(batch.list[side]).first(batch.count[side]));
  }
}

}  // namespace millrace
