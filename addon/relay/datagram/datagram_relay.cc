// Longer than 250 lines: the events, the turn's end and the close of one loop's datagrams.
#include "relay/datagram/datagram_relay.h"

#include <algorithm>
#include <cassert>

#include "core/sys.h"
#include "relay/datagram/answering.h"
#include "relay/datagram/batch.h"
#include "relay/datagram/egress.h"
#include "relay/datagram/flow_life.h"
#include "relay/datagram/flow_member.h"
#include "relay/datagram/intake.h"

namespace millrace {
namespace {

constexpr uint64_t retryMs = 1;        // until a socket for which the kernel had no buffers is tried again
constexpr uint64_t drainCheckMs = 100;
constexpr uint64_t quietMs = 1000;     // a flow that has been quiet for so long has ended, while closing

/// Only a matcher by address gives the same answer for all datagrams of a peer, and only a sink with flows needs no other. A proxy may speak for another with each.
bool walksEach(const Plan& plan) {
  return std::any_of(plan.nodes.begin(), plan.nodes.end(), [](const Node& node) {
    return answersAlone(node) || node.op == Op::proxyProtocol || std::any_of(node.when.begin(), node.when.end(), [](const MatcherPtr& matcher) { return matcher->readsHead(); });
  });
}

Reason reasonOf(EndHow how) {
  switch (how) {
    case EndHow::close: return Reason::closedByHandler;
    case EndHow::reset: return Reason::resetByHandler;
    case EndHow::handlerError: return Reason::handlerError;
    case EndHow::rejected: return Reason::rejected;
  }
  return Reason::closedByHandler;
}

}  // namespace

DatagramRelay::DatagramRelay(Context& context, DatagramBuffers buffers, std::function<bool(size_t)> cross) : f_(context, buffers), cross_(std::move(cross)) {
  context.loop.handle(FlowContext::flowKind, &flowEvents_);
  context.loop.handle(FlowContext::listenerKind, &listenerEvents_);
  context.loop.handle(FlowContext::generatorKind, &generatorEvents_);
  retry_.relay = drainTimer_.relay = this;
  retry_.fire = [](LoopTimer& timer) { static_cast<Later&>(timer).relay->retryRefused(); };
  drainTimer_.fire = [](LoopTimer& timer) { static_cast<Later&>(timer).relay->drainDue_ = true; };
}

DatagramRelay::~DatagramRelay() {
  f_.flows.forEach([&](Token, Flow& flow) { endFlow(f_, flow, Reason::serverClosed); });
  reapFlows(f_);
  f_.family.leave();
  closeListeners();
  f_.c.loop.timers().cancel(retry_);
  f_.c.loop.timers().cancel(drainTimer_);
}

std::optional<SysError> DatagramRelay::open() {
  for (size_t p = 0; p < f_.c.plans.size(); ++p) {
    const Plan& plan = f_.c.plans[p]->plan;
    f_.plans.push_back(nullptr);
    generators_.push_back(nullptr);
    if (!plan.datagram) continue;
    f_.plans.back() = std::unique_ptr<FlowPlan>(new FlowPlan{.perAddress = LimitStage(0, plan.maxFlowsPerAddress, 0), .walksEach = walksEach(plan)});
    std::optional<SysError> failed;
    if (plan.generate) {
      generators_.back() = std::make_unique<Generator>(f_, uint16_t(p), uint32_t(p));
      failed = generators_.back()->open();
    }
    for (size_t e = 0; e < plan.listen.size() && !failed; ++e) {
      auto opened = openListening(plan.listen[e].address, plan, f_.c.options.sharing, f_.c.options.draining != nullptr);
      if (!opened) {
        failed = opened.error();
        break;
      }
      const auto index = uint32_t(f_.listeners.size());
      opened->socket.key = {.token = {index, 1}, .kind = FlowContext::listenerKind};
      f_.listeners.push_back(std::unique_ptr<DatagramListener>(
          new DatagramListener{f_, std::move(opened->socket), opened->bound, opened->receiveBufferBytes, index, uint16_t(p), uint16_t(e)}));
    }
    if (!failed && !plan.listen.empty()) f_.family.join(f_.c.options.draining);
    if (!failed) continue;
    f_.family.leave();
    generators_.clear();
    f_.listeners.clear();
    return failed;
  }
  return std::nullopt;
}

void DatagramRelay::openDoors() {
  if (f_.c.options.draining) std::for_each(f_.listeners.begin(), f_.listeners.end(), [](auto& listener) { acceptDatagrams(listener->socket); });
}

size_t DatagramRelay::smallestReceiveBuffer() const {
  size_t smallest = flowReceiveBuffer;  // what is less for flows' sockets is less for listeners, since the system's limit is one
  for (const auto& listener : f_.listeners) smallest = std::min(smallest, size_t(listener->receiveBufferBytes));
  return smallest;
}

uint32_t DatagramRelay::pauseUs(bool mayPause) {
  if (!coalescing_) return 0;
  if (!mayPause) {
    coalescing_->stop();
    return 0;
  }
  const bool readAll = !f_.c.loop.mayBeMore() && !f_.c.loop.leftUnread();
  return coalescing_->afterTurn(taken_, readAll, sys::nowNs() / 1000);
}

void DatagramRelay::start() {
  const bool generates = std::any_of(generators_.begin(), generators_.end(), [](const auto& generator) { return bool(generator); });
  if (!f_.listeners.empty() && !generates) coalescing_.emplace(smallestReceiveBuffer());
  for (auto& listener : f_.listeners) {
    DatagramSocket& socket = listener->socket;
    socket.watched = f_.c.loop.poller().add(socket.fd.get(), socket.watchedFor(), socket.key) == 0;
  }
  for (auto& generator : generators_) {
    if (generator) generator->start();
  }
}

// ---- events

void DatagramRelay::listenerReady(Token token, uint32_t events) {
  if (token.index >= f_.listeners.size()) return;
  DatagramListener& listener = *f_.listeners[token.index];
  if (events & EPOLLOUT) flushPending(f_, listener);
  if (events & (EPOLLIN | EPOLLERR)) readListener(f_, listener);
  if (f_.receiver.full()) f_.c.loop.endTurnEarly();
}

void DatagramRelay::flowReady(Token token, uint32_t events) {
  Flow* flow = f_.flows.find(token);
  if (!flow || flow->over) {
    ++f_.c.staleEvents;
    return;
  }
  if (events & EPOLLOUT) flushPending(f_, *flow);
  if (events & (EPOLLIN | EPOLLERR | EPOLLHUP)) upstreamReady(f_, *flow);
  if (f_.receiver.full()) f_.c.loop.endTurnEarly();
}

void DatagramRelay::generatorReady(Token token, uint32_t events) {
  Generator* generator = token.generation - 1 < generators_.size() ? generators_[token.generation - 1].get() : nullptr;
  if (generator) generator->onReady(token.index, events);
}

void DatagramRelay::retryRefused() {
  for (const Key& key : std::exchange(f_.refused, {})) {
    if (key.kind == FlowContext::listenerKind) {
      if (key.token.index < f_.listeners.size()) flushPending(f_, *f_.listeners[key.token.index]);
    } else if (Flow* flow = f_.flows.find(key.token); flow && !flow->over) {
      flushPending(f_, *flow);
    }
  }
}

// ---- the end of a turn

void DatagramRelay::turnEnd() {
  readTogether(f_);
  crossBatch(f_, cross_);
  flushTurn(f_);
  for (Flow* flow : std::exchange(f_.done, {})) {
    if (hasItsResponses(f_, *flow)) endFlow(f_, *flow, Reason::finished);
  }
  judgeUnreached(f_);
  if (!f_.refused.empty() && !retry_.armed()) f_.c.loop.timers().arm(retry_, f_.now() + retryMs);
  // Not while there may be more: it may be what a quiet flow has waited for.
  if (drainDue_ && (!f_.c.loop.mayBeMore() || f_.now() >= drainDeadlineMs_)) {
    drainDue_ = false;
    drain();
  }
  reapFlows(f_);
  taken_ = f_.receiver.taken();
  f_.receiver.reset();
  assertBalanced();
}

void DatagramRelay::close(uint64_t drainMs) {
  f_.c.loop.refreshClock();  // a handler may say so after a while
  const uint64_t deadline = f_.now() + drainMs;
  drainDeadlineMs_ = f_.closing ? std::min(drainDeadlineMs_, deadline) : deadline;
  f_.closing = drainDue_ = true;
  f_.c.loop.wake();  // it is done at a turn's end, when nothing of the arena is in use
}

void DatagramRelay::drain() {
  const bool late = f_.now() >= drainDeadlineMs_;
  bool idle = true;
  for (auto& generator : generators_) {
    if (generator && !generator->drained(late)) idle = false;
  }
  f_.flows.forEach([&](Token, Flow& flow) {
    if (late || f_.now() >= flow.activeMs + quietMs) endFlow(f_, flow, Reason::serverClosed);
  });
  idle = idle && f_.flows.size() == f_.over.size();
  const bool pending = std::any_of(f_.listeners.begin(), f_.listeners.end(), [](const auto& listener) { return listener->socket.hasPending(); });
  if (idle && !pending) f_.family.leave();
  // Fewer sockets at an address would have the kernel choose anew, and flows of others would come to the wrong ones.
  if (idle && (late || (!pending && f_.family.allLeft()))) {
    drained_ = true;
    return closeListeners();
  }
  if (!drainTimer_.armed()) f_.c.loop.timers().arm(drainTimer_, std::min(f_.now() + drainCheckMs, std::max(drainDeadlineMs_, f_.now() + 1)));
}

void DatagramRelay::closeListeners() {
  for (auto& listener : f_.listeners) {
    dropPending(f_, *listener, DropReason::expired);
    countRefused(f_, listener->plan, toUpstream, DropReason::kernelOverflow, sys::lostSince(listener->socket.fd.get(), listener->socket.overflow), 0);
  }
  f_.listeners.clear();
}

// ---- from outside

void DatagramRelay::upstreamKnown(uint32_t plan, uint32_t upstream) {
  if (!f_.c.plans[plan]->plan.datagram) return;
  if (generators_[plan]) return generators_[plan]->upstreamKnown();
  f_.flows.forEach([&](Token, Flow& flow) {
    if (flow.plan == plan && f_.nodeOf(flow).op == Op::forward && f_.nodeOf(flow).forward.upstream == upstream) connectFlow(f_, flow);
  });
}

void DatagramRelay::memberDown(uint32_t plan, uint32_t upstream, uint32_t slot) { endFlowsOf(f_, plan, upstream, slot); }

bool DatagramRelay::endById(double id, EndHow how) {
  if (id < FlowContext::idOf({0, 0})) return false;
  if (Flow* flow = f_.findById(id)) endFlow(f_, *flow, reasonOf(how));
  return true;
}

void DatagramRelay::keep(uint32_t row, bool isReply, std::span<const uint8_t> bytes) { keepLate(f_, row, isReply, bytes); }

void DatagramRelay::listFlows(std::vector<SessionInfo>& list) {
  f_.flows.forEach([&](Token token, Flow& flow) {
    if (flow.over) return;
    const bool resolving = f_.nodeOf(flow).op == Op::forward && !flow.upstream.fd;
    SessionInfo info{FlowContext::idOf(token), flow.node, flow.plan, resolving ? Phase::resolving : Phase::relaying, flow.downstream(), flow.upstreamPeer,
                     {flow.tally[0].sent.bytes, flow.tally[1].sent.bytes}, {flow.tally[0].pending.bytes, flow.tally[1].pending.bytes},
                     f_.now() - flow.createdMs, f_.now() - flow.activeMs};
    info.datagram = true;
    std::copy_n(flow.tally, 2, info.tally);
    list.push_back(info);
  });
}

#ifdef MILLRACE_DEBUG
void DatagramRelay::assertBalanced() {
  std::vector<std::array<Tally, 2>> held(f_.c.plans.size());
  const auto add = [&](const DatagramSocket& socket, unsigned direction) {
    if (!socket.pending) return;
    for (const PendingDatagram& one : socket.pending->list) held[one.plan][direction].add(1, one.length);
  };
  for (const auto& listener : f_.listeners) add(listener->socket, toDownstream);
  f_.flows.forEach([&](Token, Flow& flow) { add(flow.upstream, toUpstream); });
  for (size_t p = 0; p < f_.c.plans.size(); ++p) {
    if (!f_.c.plans[p]->plan.datagram) continue;
    const Counters& now = f_.c.plans[p]->ledger.now;
    for (unsigned d = 0; d < 2; ++d) {
      const DatagramCounts& counts = now.datagrams[d];
      uint64_t out = counts.sent + counts.consumed + counts.pending;
      for (const uint64_t dropped : counts.dropped) out += dropped;
      assert(counts.received + counts.produced == out);
      assert(counts.pending == held[p][d].datagrams);
      assert(now.bytes[d].pending == held[p][d].bytes);
    }
  }
}
#else
void DatagramRelay::assertBalanced() {}
#endif

void DatagramRelay::readLoad(size_t plan, std::span<double, loadNumbers> into) const {
  const Generator* generator = plan < generators_.size() ? generators_[plan].get() : nullptr;
  for (size_t i = 0; i < loadNumbers; ++i) into[i] = generator ? generator->report[i].load(std::memory_order_relaxed) : 0;
}

}  // namespace millrace
