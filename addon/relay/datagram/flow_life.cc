#include "relay/datagram/flow_life.h"

#include <errno.h>

#include <algorithm>

#include "core/sys.h"
#include "relay/datagram/egress.h"
#include "relay/datagram/flow_member.h"
#include "relay/datagram/intake.h"
#include "relay/limits.h"
#include "stage/idle_timeout.h"
#include "stage/max_duration.h"

namespace millrace {
namespace {

constexpr uint64_t noticePauseMs = 1000;
constexpr uint64_t resolveTimeoutMs = 5000;

constexpr int mostEvictions = 8;  // for one descriptor or port: a flow without a socket has none to give

/// No descriptor, no memory, or no local port (EADDRINUSE of bind(2) where there is a source address, EAGAIN of connect(2) where there is none).
bool outOfRoom(int error) {
  switch (error) {
    case EMFILE: case ENFILE: case ENOBUFS: case ENOMEM: case EAGAIN: case EADDRINUSE: return true;
    default: return false;
  }
}

/// A flow to a name that has no address yet does not wait for ever.
uint64_t resolvedBy(FlowContext& f, const Flow& flow) {
  const Node& node = f.nodeOf(flow);
  return node.op == Op::forward && !flow.upstream.fd ? deadlineAfter(flow.createdMs, resolveTimeoutMs) : kNeverMs;
}

uint64_t deadlineOf(FlowContext& f, const Flow& flow) {
  const Settings& settings = f.nodeOf(flow).settings;
  return std::min({idleDeadlineMs(settings.idleTimeoutMs, flow.activeMs), maxDurationDeadlineMs(settings.maxDurationMs, flow.createdMs), resolvedBy(f, flow)});
}

void flowTimer(LoopTimer& timer) {
  auto& flow = static_cast<Flow&>(timer);
  FlowContext& f = flow.listener->context;
  readTogether(f);  // what has come in time
  if (flow.over) return;
  const Settings& settings = f.nodeOf(flow).settings;
  const uint64_t deadline = deadlineOf(f, flow);
  if (deadline > f.now()) return f.c.loop.timers().arm(flow, deadline);
  if (resolvedBy(f, flow) <= f.now()) return endFlow(f, flow, Reason::nameUnresolved);
  const bool tooOld = maxDurationDeadlineMs(settings.maxDurationMs, flow.createdMs) <= f.now();
  endFlow(f, flow, tooOld ? Reason::maxDuration : Reason::idleTimeout);
}

/// Says once in a while that flows are refused.
void noteFull(FlowContext& f, const DatagramListener& listener, int error) {
  FlowPlan& plan = *f.plans[listener.plan];
  if (f.now() < plan.nextNoticeMs) return;
  plan.nextNoticeMs = f.now() + noticePauseMs;
  f.c.outbox.push(noticeOf(Notice::tableFull, error, listener.plan, listener.endpoint));
}

void record(FlowContext& f, const Flow& flow, RecordKind kind, Reason reason) {
  if (!f.c.options.wantEvents) return;
  Record r;
  r.kind = double(kind);
  r.session = FlowContext::idOf(flow.token);
  r.node = flow.node;
  r.listener = double(flow.plan) * 65536 + flow.listener->endpoint;
  r.downstream = flow.downstream();
  r.upstream = flow.upstreamPeer;
  if (kind == RecordKind::close) {
    r.value = double(reason);
    r.bytesToUpstream = double(flow.tally[toUpstream].sent.bytes);
    r.bytesToDownstream = double(flow.tally[toDownstream].sent.bytes);
    r.durationMs = double(f.now() - flow.createdMs);
  }
  f.c.outbox.push(r);
}

/// The oldest flow that nobody has answered gives way.
bool evictOne(FlowContext& f, uint16_t plan) {
  Flow* oldest = f.plans[plan]->unreplied.first;
  if (!oldest) return false;
  endFlow(f, *oldest, Reason::evicted, DropReason::evicted);
  return true;
}

int watchUpstream(FlowContext& f, Flow& flow) {
  flow.upstream.key = {flow.token, FlowContext::flowKind, 0};
  const int refused = f.c.loop.poller().add(flow.upstream.fd.get(), flow.upstream.watchedFor(), flow.upstream.key);
  flow.upstream.watched = refused == 0;
  return -refused;
}

/// 0, or the errno for which there is no socket to the upstream.
int connectUpstream(FlowContext& f, Flow& flow) {
  Plan& plan = f.planOf(flow);
  ForwardOptions& options = plan.nodes[flow.node].forward;
  const Upstream& upstream = plan.upstreams[options.upstream];
  if (upstream.set) {
    const int error = connectMember(f, flow, *upstream.set);
    return error || !flow.upstream.fd ? error : watchUpstream(f, flow);
  }
  if (upstream.addresses.empty()) return 0;  // what comes is pending until the name has an address
  int error = 0;
  for (size_t i = 0; i < upstream.addresses.size(); ++i) {
    const SocketAddress to = plan.addressFor(upstream, (upstream.preferred + i) % upstream.addresses.size(), flow.listener->endpoint);
    flow.upstreamPeer = to.peer();
    error = -openConnected(flow.upstream, to, options.sources, f.now());
    if (error == 0 || outOfRoom(error)) break;
  }
  return error ? error : watchUpstream(f, flow);
}

void configureThrottle(FlowContext& f, Flow& flow) {
  const Settings& settings = f.nodeOf(flow).settings;
  const auto wanted = [&](unsigned d) { return settings.throttle[d].bytesPerSecond || settings.throttleDatagrams[d].datagramsPerSecond; };
  if (!wanted(toUpstream) && !wanted(toDownstream)) return;
  FlowThrottle& throttle = flow.withExtra().throttle.emplace();
  for (unsigned d = 0; d < 2; ++d) {
    throttle.bytes[d].configure(settings.throttle[d].bytesPerSecond, settings.throttle[d].burstBytes, f.now());
    throttle.datagrams[d].configure(settings.throttleDatagrams[d].datagramsPerSecond, settings.throttleDatagrams[d].burstDatagrams, f.now());
  }
}

/// Takes a flow that could not begin back out of its slot.
void undo(FlowContext& f, Flow& flow) {
  releaseLimits(f.planOf(flow).nodes, flow.node, flow.downstream());
  f.plans[flow.plan]->perAddress.release(flow.downstream());
  leaveMember(f, flow);
  f.flows.free(flow.token);
}

}  // namespace

void FlowList::append(Flow& flow) {
  flow.previous = last;
  flow.next = nullptr;
  (last ? last->next : first) = &flow;
  last = &flow;
}

void FlowList::remove(Flow& flow) {
  (flow.previous ? flow.previous->next : first) = flow.next;
  (flow.next ? flow.next->previous : last) = flow.previous;
}

Flow* beginFlow(FlowContext& f, DatagramListener& listener, const FlowSought& sought, uint64_t hash, uint32_t sink, DropReason& why) {
  const Plan& plan = f.c.plans[listener.plan]->plan;
  const PeerAddress& downstream = sought.said ? sought.said->source : sought.key.peer;
  FlowPlan& flows = *f.plans[listener.plan];
  why = DropReason::noFlow;
  if (f.closing) return nullptr;
  why = DropReason::policy;
  if (!admitLimits(plan.nodes, sink, downstream, f.now())) return nullptr;
  why = DropReason::tableFull;
  const bool fits = flows.perAddress.admit(downstream, f.now()) == LimitStage::Admission::admitted;
  const bool room = fits && (flows.flows < plan.maxFlows || evictOne(f, listener.plan));
  const Token token = room ? f.flows.take() : Token{};
  if (token.generation == 0) {
    if (fits) flows.perAddress.release(downstream);
    releaseLimits(plan.nodes, sink, downstream);
    if (fits) noteFull(f, listener, 0);
    return nullptr;
  }
  Flow& flow = *f.flows.find(token);
  flow.fire = flowTimer;
  flow.listener = &listener;
  flow.token = token;
  flow.key = sought.key;
  if (sought.said) flow.withExtra().said = *sought.said;
  flow.keptBySaid = sought.keptBySaid;
  flow.node = sink;
  flow.plan = listener.plan;
  flow.createdMs = flow.activeMs = f.now();
  if (plan.nodes[sink].op == Op::forward) {
    int error = connectUpstream(f, flow);
    if (outOfRoom(error)) noteFull(f, listener, error);
    for (int i = 0; i < mostEvictions && outOfRoom(error) && evictOne(f, listener.plan); ++i) error = connectUpstream(f, flow);
    if (error) {
      why = outOfRoom(error) || error == membersFull ? DropReason::tableFull : DropReason::unreachable;
      undo(f, flow);
      return nullptr;
    }
  }
  configureThrottle(f, flow);
  f.table.insert(flow, hash);
  flows.unreplied.append(flow);
  ++flows.flows;
  Counters& counters = f.countersOf(flow.plan);
  ++counters.accepted;
  ++counters.open;
  if (const uint64_t deadline = deadlineOf(f, flow); deadline != kNeverMs) f.c.loop.timers().arm(flow, deadline);
  record(f, flow, RecordKind::open, Reason::finished);
  return &flow;
}

void connectFlow(FlowContext& f, Flow& flow) {
  if (flow.upstream.fd || flow.over) return;
  if (connectUpstream(f, flow)) return endFlow(f, flow, Reason::connectFailed);
  flushPending(f, flow);
}

void flowReplied(FlowContext& f, Flow& flow) {
  if (std::exchange(flow.replied, true) || flow.over) return;
  FlowPlan& flows = *f.plans[flow.plan];
  flows.unreplied.remove(flow);
  flows.replied.append(flow);
}

bool hasItsResponses(FlowContext& f, const Flow& flow) {
  const uint64_t wanted = f.nodeOf(flow).forward.responses;
  const FlowTally& asked = flow.tally[toUpstream];
  return wanted > 0 && flow.tally[toDownstream].received.datagrams >= wanted * (asked.sent.datagrams + asked.pending.datagrams);
}

void endFlow(FlowContext& f, Flow& flow, Reason reason, DropReason drop) {
  if (flow.over) return;
  // The arena has what this turn brought; its socket is closed below, so that another flow may have the descriptor.
  sendUpstream(f, flow);
  dropPending(f, flow, drop);
  if (flow.upstream.fd) countLost(f, flow, sys::lostSince(flow.upstream.fd.get(), flow.upstream.overflow));
  f.table.erase(flow);
  FlowPlan& flows = *f.plans[flow.plan];
  (flow.replied ? flows.replied : flows.unreplied).remove(flow);
  --flows.flows;
  flows.perAddress.release(flow.downstream());
  releaseLimits(f.planOf(flow).nodes, flow.node, flow.downstream());
  leaveMember(f, flow);
  f.c.loop.timers().cancel(flow);
  flow.upstream.fd.reset();
  flow.over = true;
  flow.dropsAs = drop;
  Counters& counters = f.countersOf(flow.plan);
  --counters.open;
  ++counters.closed;
  ++counters.reasons[size_t(reason)];
  record(f, flow, RecordKind::close, reason);
  f.over.push_back(flow.token);
}

void reapFlows(FlowContext& f) {
  for (const Token token : std::exchange(f.over, {})) f.flows.free(token);
}

}  // namespace millrace
