#include "relay/datagram/intake.h"

#include <algorithm>
#include <cstring>

#include "core/datagram_train.h"
#include "core/sys.h"
#include "relay/datagram/egress.h"
#include "relay/datagram/flow_life.h"

namespace millrace {
namespace {

constexpr int listenerRounds = 2;      // reads of 64 that one listener may have in a turn
constexpr int errorsARead = 4;         // ICMP errors taken from a socket in a turn
constexpr uint32_t mostHeadBytes = 16'384;

/// The sink for a datagram, or Node::none where a gate refuses it. Limits are asked when a flow begins.
uint32_t sinkFor(const Plan& plan, const PeerAddress& peer, std::span<const uint8_t> bytes) {
  const MatchInput input{peer, bytes.first(std::min<size_t>(bytes.size(), mostHeadBytes)), true};
  uint32_t at = 0;
  for (;;) {
    const Node& node = plan.nodes[at];
    switch (node.op) {
      case Op::allow:
        if (!node.allow->admits(peer)) return Node::none;
        at = node.next[0];
        break;
      case Op::deny:
        if (!node.deny->admits(peer)) return Node::none;
        at = node.next[0];
        break;
      case Op::limit:
        at = node.next[0];
        break;
      case Op::route: {
        size_t branch = 0;
        while (branch < node.when.size() && node.when[branch]->match(input) != Match::yes) ++branch;
        at = node.next[branch];
        break;
      }
      case Op::close:
      case Op::reset:
        return Node::none;
      default:
        return at;
    }
  }
}

bool takeTokens(FlowThrottle& throttle, unsigned direction, uint32_t bytes, uint64_t now) {
  TokenBucket& byBytes = throttle.bytes[direction];
  TokenBucket& byCount = throttle.datagrams[direction];
  // A datagram longer than the burst goes with a full bucket, or it could never go.
  if (byCount.available(now) < 1 || byBytes.msUntil(bytes, now) > 0) return false;
  byCount.take(1);
  byBytes.take(std::min<uint64_t>(bytes, byBytes.available(now)));
  return true;
}

void deliver(FlowContext& f, Flow& flow, unsigned direction, const uint8_t* data, uint32_t length, uint32_t segment) {
  const Node& node = f.nodeOf(flow);
  const bool inJs = node.settings.transform[direction] || (direction == toUpstream && node.op == Op::datagrams);
  if (inJs) f.crossings.push_back({&flow, {data, length, segment, 0}, uint8_t(direction)});
  else passOn(f, flow, direction, data, length, segment);
}

void arrive(FlowContext& f, Flow& flow, unsigned direction, const uint8_t* data, uint32_t length, uint32_t segment) {
  const uint32_t count = datagramsIn(length, segment);
  countIn(f, flow, direction, &FlowTally::received, count, length);
  flow.activeMs = f.now();
  if (count == 1 && !flow.throttle) return deliver(f, flow, direction, data, length, length);
  // The kernel may join more than it sends at once.
  const uint32_t piece = flow.throttle ? segment : segment * std::min(Run::mostSegments, std::max(Run::mostBytes / std::max(segment, 1u), 1u));
  eachDatagram(data, length, piece, [&](const uint8_t* at, uint32_t size) {
    if (flow.throttle && !takeTokens(*flow.throttle, direction, size, f.now())) countDropped(f, flow.plan, &flow, direction, DropReason::policy, 1, size);
    else deliver(f, flow, direction, at, size, std::min(segment, size));
  });
}

/// What the kernel has lost before this datagram.
uint32_t overflowBefore(DatagramSocket& socket, const Received& received) {
  if (!received.hasOverflow) return 0;
  return received.overflow - std::exchange(socket.overflow, received.overflow);
}

/// Another event, should there be anything left: modifying an edge-triggered registration looks anew, behind all others that are ready.
void askAgain(FlowContext& f, const DatagramSocket& socket) {
  f.c.loop.poller().modify(socket.fd.get(), socket.watchedFor | (socket.watchesOut ? uint32_t{EPOLLOUT} : 0u), socket.key);
}

Flow* flowFor(FlowContext& f, DatagramListener& listener, const PeerAddress& peer, const sockaddr_storage& name, const Received& received,
              std::span<const uint8_t> bytes, DropReason& why) {
  const Plan& plan = f.c.plans[listener.plan]->plan;
  const bool byBytes = f.plans[listener.plan]->routesByBytes;
  why = DropReason::policy;
  uint32_t sink = byBytes ? sinkFor(plan, peer, bytes) : 0;
  if (sink == Node::none) return nullptr;
  sockaddr_in6 v6{};
  if (name.ss_family == AF_INET6) std::memcpy(&v6, &name, sizeof v6);
  FlowKey key{peer, {}, listener.index, sink, v6.sin6_scope_id};
  if (listener.socket.tellsLocal) key.local = received.local;
  const uint64_t hash = f.table.hash(key);
  if (Flow* flow = f.table.find(key, hash)) return flow;
  if (!byBytes) sink = sinkFor(plan, peer, bytes);
  if (sink == Node::none) return nullptr;
  return beginFlow(f, listener, key, hash, sink, why);
}

}  // namespace

void readListener(FlowContext& f, DatagramListener& listener) {
  const bool byBytes = f.plans[listener.plan]->routesByBytes;
  for (int round = 0; round < listenerRounds && !f.receiver.full(); ++round) {
    const int count = f.receiver.receive(listener.socket.fd.get(), DatagramReceiver::most, true);
    Flow* flow = nullptr;
    int named = -1;  // whose flow that is
    for (int i = 0; i < count; ++i) {
      const Received& it = f.receiver[i];
      const uint32_t segments = datagramsIn(it.length, it.segment);
      if (const uint32_t lost = overflowBefore(listener.socket, it)) countRefused(f, listener.plan, toUpstream, DropReason::kernelOverflow, lost, 0);
      if (it.truncated) {
        countRefused(f, listener.plan, toUpstream, DropReason::truncated, segments, it.length);
        continue;
      }
      const sockaddr_storage& name = f.receiver.name(i);
      const socklen_t nameLength = f.receiver.nameLength(i);
      DropReason why = DropReason::policy;
      if (byBytes) {
        const PeerAddress peer = PeerAddress::from(reinterpret_cast<const sockaddr*>(&name), nameLength);
        eachDatagram(it.data, it.length, it.segment, [&](const uint8_t* data, uint32_t size) {
          Flow* one = flowFor(f, listener, peer, name, it, {data, size}, why);
          if (one) arrive(f, *one, toUpstream, data, size, size);
          else countRefused(f, listener.plan, toUpstream, why, 1, size);
        });
        continue;
      }
      const bool sameAsBefore = named >= 0 && !flow->over && f.receiver.nameLength(named) == nameLength &&
                                std::memcmp(&f.receiver.name(named), &name, nameLength) == 0 && (!listener.socket.tellsLocal || flow->key.local == it.local);
      if (!sameAsBefore) {
        flow = flowFor(f, listener, PeerAddress::from(reinterpret_cast<const sockaddr*>(&name), nameLength), name, it, {it.data, it.length}, why);
        named = flow ? i : -1;
      }
      if (flow) arrive(f, *flow, toUpstream, it.data, it.length, it.segment);
      else countRefused(f, listener.plan, toUpstream, why, segments, it.length);
    }
    if (sys::wouldBlock(count) || (count >= 0 && count < int(DatagramReceiver::most) && !f.receiver.full())) return;
  }
  askAgain(f, listener.socket);
}

void readUpstream(FlowContext& f, Flow& flow) {
  const ForwardOptions& options = f.nodeOf(flow).forward;
  for (int errors = 0; errors < errorsARead && !f.receiver.full() && !flow.over;) {
    const unsigned wanted = flow.burst;
    const int count = f.receiver.receive(flow.upstream.fd.get(), wanted, false);
    if (count < 0) {
      if (sys::wouldBlock(count)) return;
      ++f.countersOf(flow.plan).icmpErrors;
      ++errors;
      continue;
    }
    const bool more = unsigned(count) == wanted || f.receiver.full();
    flow.burst = uint8_t(std::clamp<unsigned>(more ? wanted * 4 : unsigned(count) + 1, Flow::leastBurst, DatagramReceiver::most));
    for (int i = 0; i < count; ++i) {
      const Received& it = f.receiver[i];
      const uint32_t segments = datagramsIn(it.length, it.segment);
      countLost(f, flow, overflowBefore(flow.upstream, it));
      if (it.truncated) {
        countIn(f, flow, toDownstream, &FlowTally::received, segments, it.length);
        countDropped(f, flow.plan, &flow, toDownstream, DropReason::truncated, segments, it.length);
        continue;
      }
      arrive(f, flow, toDownstream, it.data, it.length, it.segment);
      if (options.responses == 0 || flow.responses >= options.responses) continue;
      flow.responses += segments;
      if (flow.responses >= options.responses) f.done.push_back(&flow);
    }
    if (!more) return;
    break;
  }
  if (!flow.over) askAgain(f, flow.upstream);
}

void passOn(FlowContext& f, Flow& flow, unsigned direction, const uint8_t* data, uint32_t length, uint32_t segment) {
  const uint32_t count = datagramsIn(length, segment);
  if (direction == toDownstream) {
    flowReplied(f, flow);
    return enqueue(f, flow, toDownstream, data, length, segment);
  }
  if (f.nodeOf(flow).op == Op::forward) {
    if (flow.over) return countDropped(f, flow.plan, &flow, toUpstream, DropReason::expired, count, length);
    return enqueue(f, flow, toUpstream, data, length, segment);
  }
  countOut(f, flow.plan, &flow, toUpstream, &FlowTally::consumed, count, length);
  if (f.nodeOf(flow).op != Op::echo) return;
  countIn(f, flow, toDownstream, &FlowTally::produced, count, length);
  flowReplied(f, flow);
  enqueue(f, flow, toDownstream, data, length, segment);
}

}  // namespace millrace
