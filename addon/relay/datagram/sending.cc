#include "relay/datagram/sending.h"

#include <errno.h>

#include <algorithm>
#include <cstring>

#include "core/datagram_train.h"
#include "core/sys.h"
#include "relay/datagram/flow_member.h"

namespace millrace {
namespace {

constexpr uint64_t segmentationPauseMs = 60'000;

bool refusesSegments(ssize_t error) { return error == -EIO || error == -EINVAL || error == -EMSGSIZE; }

bool isIcmpError(ssize_t error) {
  switch (-error) {
    case ECONNREFUSED: case EHOSTUNREACH: case ENETUNREACH: case EHOSTDOWN: case ENETDOWN: case ENONET: case ENOPROTOOPT: case EPROTO: case EACCES:
    case EOPNOTSUPP:
      return true;
    default:
      return false;
  }
}

/// Datagram by datagram, until `visit` says false.
template <class F>
void eachSegment(const Runs& runs, const Run& run, F&& visit) {
  for (uint32_t v = 0; v < run.vectors; ++v) {
    const iovec& vector = runs.vectors[run.firstVector + v];
    const auto* data = static_cast<const uint8_t*>(vector.iov_base);
    size_t left = vector.iov_len;
    do {
      const auto length = uint32_t(run.segment ? std::min<size_t>(left, run.segment) : left);
      if (!visit(data, length)) return;
      data += length;
      left -= length;
    } while (left > 0);
  }
}

}  // namespace

void Sending::watch(bool out) {
  if (socket.watchesOut == out || !socket.watched) return;
  const uint32_t events = socket.watchedFor() | (out ? uint32_t{EPOLLOUT} : 0u);
  if (f.c.loop.poller().modify(socket.fd.get(), events, socket.key) == 0) socket.watchesOut = out;
}

/// The kernel takes no more for now: an event tells when it does, or, where it has no buffers, a timer.
void Sending::wait(ssize_t error) {
  if (sys::wouldBlock(error)) {
    socket.watchesOut = false;  // ask anew: an edge that has been seen does not come again
    return watch(true);
  }
  watch(false);
  f.refused.push_back(socket.key);
}

Sending::Outcome Sending::attempt(const msghdr& header, Flow* flow, uint16_t plan, uint32_t segments, uint32_t bytes) {
  return judge(sendOnce(header), header, flow, plan, segments, bytes);
}

Sending::Outcome Sending::judge(ssize_t sent, const msghdr& header, Flow* flow, uint16_t plan, uint32_t segments, uint32_t bytes) {
  // Over a connected socket "too large" may be about an earlier datagram too.
  if (isIcmpError(sent) || (sent == -EMSGSIZE && !socket.named)) {
    if (isIcmpError(sent)) noteIcmp(flow, plan, int(-sent));
    sent = sendOnce(header);
  }
  if (sent >= 0) return countSent(flow, plan, segments, bytes), Outcome::sent;
  if (sys::wouldBlock(sent) || sent == -ENOBUFS || sent == -ENOMEM) return wait(sent), Outcome::blocked;
  if (segments > 1 && refusesSegments(sent)) {
    restSegmentation(flow, sent);
    ++f.countersOf(plan).segmentationFallbacks;
    return Outcome::unsegmentable;
  }
  countDropped(f, plan, flow, direction, sent == -EMSGSIZE ? DropReason::tooLarge : DropReason::unreachable, segments, bytes);
  if (flow && direction == toUpstream) noteUnsent(f, *flow);
  return Outcome::dropped;
}

void Sending::noteIcmp(const Flow* flow, uint16_t plan, int error) {
  if (flow && direction == toUpstream) noteIcmpError(f, *flow, error);
  else ++f.countersOf(plan).icmpErrors;
}

ssize_t Sending::sendOnce(const msghdr& header) {
  if (needsHeader(header)) return sys::sendmsg(socket.fd.get(), header);
  return sys::send(socket.fd.get(), header.msg_iov->iov_base, header.msg_iov->iov_len);
}

void Sending::countSent(Flow* flow, uint16_t plan, uint32_t segments, uint32_t bytes) {
  if (segments > 1) ++f.countersOf(plan).segmentedSends;
  countOut(f, plan, flow, direction, &FlowTally::sent, segments, bytes);
}

void Sending::restSegmentation(Flow* flow, ssize_t error) {
  const uint64_t until = f.now() + segmentationPauseMs;
  if (direction == toUpstream || error == -EIO) socket.segmentationOffUntilMs = until;
  else if (flow) flow->segmentationOffUntilMs = until;
}

bool Sending::mayJoin(const Flow& flow) const {
  return f.now() >= socket.segmentationOffUntilMs && (direction == toUpstream || f.now() >= flow.segmentationOffUntilMs);
}

/// Address and control data of a datagram to the flow's peer.
void Sending::address(msghdr& header, uint8_t* control, Name name, const PeerAddress& local, uint32_t scope, uint32_t segments, uint32_t segment) {
  header.msg_name = socket.named ? const_cast<void*>(name.data) : nullptr;
  header.msg_namelen = socket.named ? name.length : 0;
  header.msg_flags = 0;
  size_t used = 0;
  if (segments > 1) used += putSegment(control, segment);
  if (socket.tellsLocal && local.family != 0) {
    const SocketAddress from = SocketAddress::of(local, socket.family);
    if (socket.family == AF_INET) {
      in_pktinfo info{};
      info.ipi_spec_dst = reinterpret_cast<const sockaddr_in*>(from.get())->sin_addr;
      used += putControl(control + used, IPPROTO_IP, IP_PKTINFO, &info, sizeof info);
    } else {
      in6_pktinfo info{};
      info.ipi6_addr = reinterpret_cast<const sockaddr_in6*>(from.get())->sin6_addr;
      info.ipi6_ifindex = scope;
      used += putControl(control + used, IPPROTO_IPV6, IPV6_PKTINFO, &info, sizeof info);
    }
  }
  header.msg_control = used ? control : nullptr;
  header.msg_controllen = used;
}

void Sending::keepRun(const Run& run, uint32_t fromSegment) {
  uint32_t at = 0;
  Flow& flow = *run.flow;
  const Addressee to{&flow, flow.plan, flow.key.peer, flow.key.local, flow.key.scope};
  eachSegment(f.runs, run, [&](const uint8_t* data, uint32_t length) {
    if (at++ >= fromSegment) keep(to, data, length);
    return true;
  });
}

/// One by one; false where the socket took no more, and the rest is pending.
bool Sending::sendSingly(size_t at) {
  const Run& run = f.runs.runs[at];
  msghdr header{};
  uint8_t control[Runs::controlBytes];
  address(header, control, nameOf(f.runs.names[at]), run.flow->key.local, run.flow->key.scope, 1, 0);
  uint32_t done = 0;
  bool open = true;
  eachSegment(f.runs, run, [&](const uint8_t* data, uint32_t length) {
    iovec vector{const_cast<uint8_t*>(data), length};
    header.msg_iov = &vector;
    header.msg_iovlen = 1;
    open = attempt(header, run.flow, run.flow->plan, 1, length) != Outcome::blocked;
    done += open;
    return open;
  });
  if (!open) keepRun(run, done);
  return open;
}

bool Sending::sendOne(size_t at) {
  const Run& run = f.runs.runs[at];
  return settled(at, attempt(f.runs.headers[at].msg_hdr, run.flow, run.flow->plan, run.segments, run.bytes));
}

void Sending::settle(size_t at, ssize_t sent) {
  const Run& run = f.runs.runs[at];
  settled(at, judge(sent, f.runs.headers[at].msg_hdr, run.flow, run.flow->plan, run.segments, run.bytes));
}

/// False where the socket took no more: this run, or the rest of it, is pending.
bool Sending::settled(size_t at, Outcome outcome) {
  switch (outcome) {
    case Outcome::sent:
    case Outcome::dropped: return true;
    case Outcome::unsegmentable: return sendSingly(at);
    case Outcome::blocked: break;
  }
  keepRun(f.runs.runs[at], 0);
  return false;
}

const msghdr& Sending::prepare(size_t at) {
  Runs& r = f.runs;
  const Run& run = r.runs[at];
  msghdr& header = r.headers[at].msg_hdr;
  header.msg_iov = &r.vectors[run.firstVector];
  header.msg_iovlen = run.vectors;
  if (socket.named) r.names[at] = SocketAddress::of(run.flow->key.peer, socket.family, run.flow->key.scope);
  address(header, r.control[at], nameOf(r.names[at]), run.flow->key.local, run.flow->key.scope, run.segments, run.segment);
  return header;
}

/// Sends all runs that have been gathered for this socket.
void Sending::send() {
  Runs& r = f.runs;
  for (size_t i = first; i < r.count; ++i) prepare(i);
  size_t at = first;
  bool open = bool(socket.fd) && !socket.hasPending();
  while (at < r.count && open) {
    const int sent = r.count - at > 1 ? sys::sendmmsg(socket.fd.get(), &r.headers[at], unsigned(r.count - at)) : 0;
    for (int i = 0; i < sent; ++i, ++at) countSent(r.runs[at].flow, r.runs[at].flow->plan, r.runs[at].segments, r.runs[at].bytes);
    if (at < r.count && sent <= 0) {
      // The error, if it was one, has been taken from the socket; the datagram that met it has not been sent.
      if (isIcmpError(sent)) noteIcmp(r.runs[at].flow, r.runs[at].flow->plan, int(-sent));
      open = sendOne(at++);
    }
  }
  for (; at < r.count; ++at) keepRun(r.runs[at], 0);
  r.count = first;
  r.vectorCount = firstVector;
}

void Sending::add(Flow& flow, const uint8_t* data, uint32_t length, uint32_t segment, bool join) {
  Runs& r = f.runs;
  if (r.vectorCount == Runs::mostVectors) send();
  const uint32_t count = datagramsIn(length, segment);
  Run* run = r.count > 0 ? &r.runs[r.count - 1] : nullptr;
  const bool joins = join && run && run->flow == &flow && !run->ended && length > 0 && run->segment > 0 &&
                     (count == 1 ? length <= run->segment : segment == run->segment) && run->segments + count <= Run::mostSegments &&
                     run->bytes + length <= Run::mostBytes;
  if (!joins) {
    if (r.count == Runs::most) send();
    run = &r.runs[r.count++];
    *run = {.flow = &flow, .firstVector = r.vectorCount, .segment = count == 1 ? length : segment};
  }
  r.vectors[r.vectorCount++] = {const_cast<uint8_t*>(data), length};
  ++run->vectors;
  run->segments += count;
  run->bytes += length;
  run->ended = run->segment == 0 || length % run->segment != 0;
}

/// Takes over what this turn has for the flow.
void Sending::gather(Flow& flow) {
  const TurnList list = std::exchange(flow.turn[direction], TurnList());
  const bool join = mayJoin(flow);
  for (uint32_t at = list.first; at != TurnList::none; at = f.messages[at].next) {
    const Message& m = f.messages[at];
    if (join) add(flow, m.data, m.length, m.segment, true);
    else eachDatagram(m.data, m.length, m.segment, [&](const uint8_t* data, uint32_t length) { add(flow, data, length, length, false); });
  }
}

}  // namespace millrace
