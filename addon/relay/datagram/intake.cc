#include "relay/datagram/intake.h"

#include <algorithm>
#include <cstring>

#include "core/datagram_train.h"
#include "core/sys.h"
#include "relay/bulk.h"
#include "relay/datagram/answering.h"
#include "relay/datagram/datagram_walk.h"
#include "relay/datagram/egress.h"
#include "relay/datagram/flow_life.h"
#include "relay/datagram/proxied_egress.h"
#include "relay/datagram/flow_member.h"

namespace millrace {
namespace {

constexpr int listenerRounds = 4;      // reads of 64 that one listener may have in a turn
constexpr unsigned readsTogether = 8;  // of which the last is of the flow alone
constexpr int errorsARead = 4;         // ICMP errors taken from a socket in a turn

bool takeTokens(FlowThrottle& throttle, unsigned direction, uint32_t bytes, uint64_t now) {
  TokenBucket& byCount = throttle.datagrams[direction];
  if (byCount.available(now) < 1 || !throttle.bytes[direction].takeWhole(bytes, now)) return false;
  byCount.take(1);
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
  FlowThrottle* const throttle = flow.throttle();
  if (count == 1 && !throttle) return deliver(f, flow, direction, data, length, length);
  // The kernel may join more than it sends at once.
  const uint32_t piece = throttle ? segment : segment * std::min(Run::mostSegments, std::max(Run::mostBytes / std::max(segment, 1u), 1u));
  eachDatagram(data, length, piece, [&](const uint8_t* at, uint32_t size) {
    if (throttle && !takeTokens(*throttle, direction, size, f.now())) countDropped(f, flow.plan, &flow, direction, DropReason::policy, 1, size);
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
  f.c.loop.leaveUnread();
  f.c.loop.poller().modify(socket.fd.get(), socket.watchedFor() | (socket.watchesOut ? uint32_t{EPOLLOUT} : 0u), socket.key);
}

PeerAddress peerOf(const Received& received) { return PeerAddress::from(reinterpret_cast<const sockaddr*>(received.name), received.nameLength); }

bool sameFlow(const DatagramListener& listener, const Received& a, const Received& b) {
  return a.nameLength == b.nameLength && std::memcmp(a.name, b.name, a.nameLength) == 0 && (!listener.socket.tellsLocal || a.local == b.local);
}

/// The headers of proxies come in and go no further.
void countHeaders(FlowContext& f, uint16_t plan, Flow* flow, size_t bytes) {
  if (bytes == 0) return;
  countIn(f, plan, flow, toUpstream, &FlowTally::received, 0, bytes);
  countOut(f, plan, flow, toUpstream, &FlowTally::consumed, 0, bytes);
}

/// Each of them may be for another sink, and so of another flow, or of none. True where a flow has one of them.
bool walkEach(FlowContext& f, DatagramListener& listener, const Received& it) {
  const Plan& plan = f.c.plans[listener.plan]->plan;
  const PeerAddress peer = peerOf(it);
  const DatagramFrom from{listener, peer, it};
  bool kept = false;
  eachDatagram(it.data, it.length, it.segment, [&](const uint8_t* data, uint32_t size) {
    const DatagramWay way = walkDatagram(f, from, {data, size});
    const std::span payload(data + way.headerBytes, size - way.headerBytes);
    if (way.sink != Node::none && answersAlone(plan.nodes[way.sink])) {
      countHeaders(f, listener.plan, nullptr, way.headerBytes);
      return answer(f, listener, way.sink, it, way.said ? way.said->source : peer, payload);
    }
    DropReason why = DropReason::policy;
    Flow* flow = flowOn(f, from, way, why);
    if (!flow) return countRefused(f, listener.plan, toUpstream, why, 1, size);
    kept = true;
    countHeaders(f, listener.plan, flow, way.headerBytes);
    arrive(f, *flow, toUpstream, payload.data(), uint32_t(payload.size()), uint32_t(payload.size()));
  });
  return kept;
}

/// Of a flow's upstream.
void took(FlowContext& f, Flow& flow, const Received& it) {
  noteMessages(f.c, 1);
  if (flow.member != Candidate::none) memberAnswered(f, flow);
  const uint32_t segments = datagramsIn(it.length, it.segment);
  countLost(f, flow, overflowBefore(flow.upstream, it));
  if (it.truncated) {
    countIn(f, flow, toDownstream, &FlowTally::received, segments, it.length);
    countDropped(f, flow.plan, &flow, toDownstream, DropReason::truncated, segments, it.length);
    return;
  }
  arrive(f, flow, toDownstream, it.data, it.length, it.segment);
}

/// A read has brought answers: it is looked at when they have left whether these were all.
void noteAnswers(FlowContext& f, Flow& flow) {
  if (f.nodeOf(flow).forward.responses > 0) f.done.push_back(&flow);
}

/// All that one call brings. What is left is told of again.
void readAlone(FlowContext& f, Flow& flow) {
  for (int errors = 0; errors < errorsARead && !f.receiver.full();) {
    const int count = f.receiver.receive(flow.upstream.fd.get(), false);
    if (sys::wouldBlock(count)) return;
    if (count < 0) {
      noteIcmpError(f, flow, -count);
      ++errors;
      continue;
    }
    flow.bursts = count > 1;
    for (int i = 0; i < count; ++i) took(f, flow, f.receiver[i]);
    return noteAnswers(f, flow);
  }
}

}  // namespace

void readListener(FlowContext& f, DatagramListener& listener) {
  readTogether(f);  // what has come before: a flow that is answered keeps its place, and its answer has a slot
  const bool walksEach = f.plans[listener.plan]->walksEach;
  ReadShare share(listener.lately);
  for (int round = 0; round < listenerRounds && !f.receiver.full(); ++round) {
    const auto mark = f.receiver.mark();
    const unsigned wanted = walksEach ? share.slots() : DatagramReceiver::most;
    if (wanted == 0) break;
    share.beginRead();
    const auto asked = int(std::min(f.receiver.room(), wanted));
    const int count = f.receiver.receive(listener.socket.fd.get(), true, wanted);
    if (count > 0) noteMessages(f.c, size_t(count));
    bool kept = !walksEach;
    Flow* flow = nullptr;
    const Received* before = nullptr;  // the last of `flow`
    for (int i = 0; i < count; ++i) {
      const Received& it = f.receiver[i];
      const uint32_t segments = datagramsIn(it.length, it.segment);
      DropReason why = DropReason::truncated;
      if (const uint32_t lost = overflowBefore(listener.socket, it)) countRefused(f, listener.plan, toUpstream, DropReason::kernelOverflow, lost, 0);
      if (walksEach && !it.truncated) {
        share.take(it);
        kept = walkEach(f, listener, it) || kept;
        continue;
      }
      if (it.truncated || !before || flow->over || !sameFlow(listener, *before, it)) {
        flow = it.truncated ? nullptr : flowOf(f, {listener, peerOf(it), it}, why);
      }
      before = flow ? &it : nullptr;
      if (flow) arrive(f, *flow, toUpstream, it.data, it.length, it.segment);
      else countRefused(f, listener.plan, toUpstream, why, segments, it.length);
    }
    sendAnswers(f, listener);
    if (!kept) f.receiver.rewind(mark);
    // Fewer than were asked for: nothing is left. Not than there are slots for by now, because those that have just been given back were not asked for,
    // and of what is left in the socket no other event tells.
    if (sys::wouldBlock(count) || (count >= 0 && count < asked)) return;
  }
  askAgain(f, listener.socket);
}

void upstreamReady(FlowContext& f, Flow& flow) {
  // A read of many datagrams of one flow, or of one of many flows. Which is better only a read of this flow shows.
  if (!f.c.calls.isOne() || flow.bursts || ++flow.reads % readsTogether == 0) return readAlone(f, flow);
  f.readable.push_back(&flow);
  if (f.readable.size() >= f.receiver.room()) readTogether(f);
}

void readTogether(FlowContext& f) {
  auto& flows = f.readable;
  std::erase_if(flows, [](const Flow* flow) { return flow->over; });
  if (flows.size() > f.receiver.room()) flows.resize(f.receiver.room());  // the others are told of again
  for (unsigned i = 0; i < flows.size(); ++i) f.c.calls.recvmsg(flows[i]->upstream.fd.get(), f.receiver.headerAhead(i));
  const auto results = f.c.calls.run();
  for (unsigned i = 0; i < results.size(); ++i) {
    if (results[i] >= 0) {
      took(f, *flows[i], f.receiver.tookAhead(i, uint32_t(results[i])));
      noteAnswers(f, *flows[i]);
    } else if (!sys::wouldBlock(results[i])) {
      noteIcmpError(f, *flows[i], -results[i]);
    }
  }
  f.receiver.useUp(unsigned(results.size()));
  flows.clear();
}

void passOn(FlowContext& f, Flow& flow, unsigned direction, const uint8_t* data, uint32_t length, uint32_t segment) {
  const uint32_t count = datagramsIn(length, segment);
  if (direction == toDownstream) {
    flowReplied(f, flow);
    return enqueue(f, flow, toDownstream, data, length, segment);
  }
  if (f.nodeOf(flow).op == Op::forward) {
    if (flow.over) return countDropped(f, flow.plan, &flow, toUpstream, flow.dropsAs, count, length);
    if (f.nodeOf(flow).forward.proxyProtocol > 0) return enqueueProxied(f, flow, data, length, segment);
    return enqueue(f, flow, toUpstream, data, length, segment);
  }
  countOut(f, flow.plan, &flow, toUpstream, &FlowTally::consumed, count, length);
  if (f.nodeOf(flow).op != Op::echo) return;
  countIn(f, flow, toDownstream, &FlowTally::produced, count, length);
  flowReplied(f, flow);
  enqueue(f, flow, toDownstream, data, length, segment);
}

}  // namespace millrace
