// Longer than 250 lines: a turn from its events to its end, and what may be asked of an engine.
#include "relay/engine.h"

#include <algorithm>

#include "core/congestion.h"
#include "core/sys.h"
#include "relay/bulk.h"
#include "relay/dial.h"
#include "relay/ending.h"
#include "relay/hops.h"
#include "relay/interest.h"
#include "relay/invariants.h"
#include "relay/membership.h"
#include "relay/negotiation.h"
#include "relay/pair.h"
#include "relay/pump.h"
#include "relay/small_reads.h"
#include "relay/verdicts.h"
#include "relay/walk.h"
#include "stage/idle_timeout.h"

namespace millrace {
namespace {

constexpr size_t sliceRecords = 256;
constexpr int crossingRounds = 16;  // a handler that keeps causing records must not hold the turn for ever

}  // namespace

Engine::Engine(Loop& loop, RelayOptions options, std::vector<Plan> plans, std::span<uint8_t> arena, DatagramBuffers buffers, Host& host)
    : context_(loop, options, arena), host_(host), acceptor_(context_, *this), datagrams_(context_, buffers, [&host](size_t rows) { return host.crossDatagrams(rows); }) {
  for (Plan& plan : plans) {
    context_.plans.push_back(std::make_unique<PlanState>());
    context_.plans.back()->plan = std::move(plan);
  }
  openSets(context_);
  context_.firstEphemeralPort = sys::firstEphemeralPort();
  context_.paces = pacesByDefault();
  drainTimer_.engine = this;
  drainTimer_.fire = [](LoopTimer& timer) { static_cast<DrainTimer&>(timer).engine->drainOver(); };
  loop.handle(Context::sessionKind, this);
  loop.handle(Context::associationInsideKind, &insideEvents_);
  loop.handle(Context::associationOutsideKind, &outsideEvents_);
}

Engine::~Engine() {
  acceptor_.close();
  context_.loop.timers().cancel(drainTimer_);
  context_.sessions.forEach([&](Token, Session& s) { resetSession(context_, s, Reason::serverClosed); });
  reap();
  closeSets(context_);
}

std::optional<SysError> Engine::listen() {
  if (auto error = acceptor_.open()) return error;
  if (auto error = datagrams_.open()) {
    acceptor_.close();
    return error;
  }
  const bool forwards = std::any_of(context_.plans.begin(), context_.plans.end(), [](const auto& of) { return !of->plan.upstreams.empty(); });
  if (context_.options.ioUring && forwards) context_.calls.open();
  return std::nullopt;
}

std::optional<SysError> Engine::steer(std::span<const uint32_t> cpus) {
  for (const auto& listener : listeners()) {
    if (auto failed = steerByCpu(listener->fd(), listener->bound(), cpus)) return failed;
  }
  for (const auto& listener : datagrams_.listeners()) {
    if (auto failed = steerByCpu(listener->socket.fd.get(), listener->bound, cpus)) return failed;
  }
  return std::nullopt;
}

void Engine::start() {
  context_.calls.start();
  acceptor_.start();
  datagrams_.start();
}

void Engine::admit(const Listener& listener, Fd fd, const PeerAddress& peer) {
  const Token token = context_.sessions.take();
  if (token.generation == 0) return;  // no memory: closing the descriptor is all that is left
  Session& s = *context_.sessions.find(token);
  s.engine = this;
  s.fire = [](LoopTimer& timer) {
    auto& due = static_cast<Session&>(timer);
    due.engine->timerFired(due);
  };
  s.token = token;
  s.sides[0].fd = std::move(fd);
  s.downstream = peer;
  s.plan = listener.plan;
  s.endpoint = listener.endpoint;
  s.acceptedMs = s.progressMs = context_.now();
  Counters& counters = context_.countersOf(s);
  ++counters.accepted;
  ++counters.open;
  walk(context_, s);
  settle(context_, s);
}

// ---- events and timers

void Engine::onReady(Token token, unsigned side, uint32_t events) {
  Session* s = context_.sessions.find(token);
  if (!s || s->phase == Phase::closed || !s->sides[side].fd) {
    ++context_.staleEvents;
    return;
  }
  if (side == 0 && s->phase < Phase::relaying && s->pumps[toDownstream].holds()) tellOn(context_, *s);
  switch (s->phase) {
    case Phase::head:
      if (s->head && side == 0) headReady(context_, *s, events);
      break;
    case Phase::queued:
      if (side == 0) queuedReady(context_, *s, events);
      break;
    case Phase::connecting:
      if (side == 1) connectReady(context_, *s, events);
      else if (events & (EPOLLERR | EPOLLHUP)) unwatch(context_, *s, side);
      break;
    case Phase::negotiating:
      if (side == 1) hopReady(context_, *s);
      else if (events & (EPOLLERR | EPOLLHUP)) unwatch(context_, *s, side);
      break;
    case Phase::relaying:
      relayReady(*s, side, events);
      break;
    case Phase::lingering:
      lingerReady(context_, *s, side, events);
      break;
    case Phase::resolving:
    case Phase::resetting:
    case Phase::closed:
      if (events & (EPOLLERR | EPOLLHUP)) unwatch(context_, *s, side);
      break;
  }
  settle(context_, *s);
}

void Engine::relayReady(Session& s, unsigned side, uint32_t events) {
  const uint8_t watched = s.sides[side].watched;
  if (!(watched & (watchIn | watchOut))) {
    if (events & (EPOLLERR | EPOLLHUP)) sideHungUp(context_, s, side);
    return;
  }
  if (watched & watchOut && events & (EPOLLOUT | EPOLLERR | EPOLLHUP)) {
    if (s.pumps[1 - side].pendingBytes() < Context::smallReadBytes) flushPending(context_, s, 1 - side);
    else flushInTurn(context_, s, 1 - side);
  }
  if (s.phase != Phase::relaying || !(events & (EPOLLIN | EPOLLERR | EPOLLHUP))) return;
  if (interestOf(context_, s, side) & watchIn) readSoon(context_, s, side);
}

void Engine::timerFired(Session& s) {
  readTogether(context_);  // what has come in time
  takeBulkSteps(context_, s);
  if (lastMomentOf(context_, s) <= context_.now()) {
    if (s.phase < Phase::relaying) turnAway(context_, s, Reason::maxDuration);
    else resetSession(context_, s, Reason::maxDuration);
  } else if (deadlineOf(context_, s) <= context_.now()) {
    switch (s.phase) {
      case Phase::head: headTimedOut(context_, s); break;
      case Phase::queued: resetSession(context_, s, Reason::queueTimeout); break;
      case Phase::resolving:
      case Phase::connecting:
      case Phase::negotiating: dialTimer(context_, s); break;
      case Phase::relaying: relayTimer(s); break;
      case Phase::resetting: pollReset(context_, s); break;
      case Phase::lingering: lingerTimer(context_, s); break;
      case Phase::closed: break;
    }
  }
  settle(context_, s);
}

void Engine::relayTimer(Session& s) {
  const Settings& settings = context_.settingsOf(s);
  const uint64_t now = context_.now();
  if (s.wakeMs <= now) {
    s.wakeMs = UINT64_MAX;
    s.pumps[0].throttled = s.pumps[1].throttled = false;
    if (s.pumps[toDownstream].holds()) flushPending(context_, s, toDownstream);
    return;  // what it has kept waiting is read before a timer may say that nothing came
  }
  if (idleDeadlineMs(settings.idleTimeoutMs, s.progressMs) <= now) return lingerSession(context_, s, Reason::idleTimeout);
  if (deadlineOf(context_, s) <= now) lingerSession(context_, s, Reason::halfCloseTimeout);
}

// ---- the end of a turn

void Engine::turnEnd() {
  readTogether(context_);
  datagrams_.turnEnd();
  crossAll();
  takeBulkSteps(context_);
  crossAll();
  serveQueues(context_);
  const bool mayBeDone = draining_ && !closed_ && !context_.ended.empty();  // the last to end was one of the queue
  if (mayBeDone || !context_.outbox.empty() || context_.outbox.asks() || !context_.deferred.empty()) context_.loop.wake();
  feedStarved();
  reap();
  assertInvariants(context_, context_.outbox.empty());
  publishLedgers();
  for (PlanState* plan : context_.counted) plan->counted = false;
  context_.counted.clear();
  assertPublished(context_);
}

void Engine::crossAll() {
  for (int round = 0; round < crossingRounds; ++round) {
    if (draining_ && !closed_ && context_.sessions.size() == context_.ended.size() && datagrams_.closed()) {
      closed_ = true;
      Record r;
      r.kind = double(RecordKind::closed);
      context_.outbox.push(r);
    }
    if (const auto lookups = context_.outbox.takeLookups(); !lookups.empty()) host_.lookUp(lookups);
    if (context_.outbox.empty() && context_.deferred.empty()) break;
    publishLedgers();  // who is told of a close finds it in the ledger
    std::vector<Record> records = context_.outbox.takeRecords();
    for (size_t at = 0; at < records.size(); at += sliceRecords) {
      const auto slice = std::span(records).subspan(at, std::min(sliceRecords, records.size() - at));
      host_.cross(slice);
      context_.loop.refreshClock();  // a handler may have taken its time
      applyVerdicts(context_, slice);
    }
    if (context_.outbox.empty()) {
      context_.outbox.reset();
      retryDeferred();
    }
  }
}

void Engine::publishLedgers() {
  for (PlanState* plan : context_.counted) plan->ledger.publish();
}

void Engine::retryDeferred() {
  for (const Token token : std::exchange(context_.deferred, {})) {
    Session* s = context_.sessions.find(token);
    if (!s || s->phase == Phase::closed) continue;
    s->deferred = false;
    if (s->phase == Phase::head) walk(context_, *s);
    else if (s->phase == Phase::relaying && s->head) deliverHead(context_, *s);
    settle(context_, *s);
  }
}

void Engine::feedStarved() {
  if (context_.starved.empty() || context_.roomBytes() < Block::capacity) return;
  for (const Token token : std::exchange(context_.starved, {})) {
    Session* s = context_.sessions.find(token);
    if (!s || s->phase == Phase::closed) continue;
    s->pumps[0].starved = s->pumps[1].starved = false;
    settle(context_, *s);
  }
}

void Engine::reap() {
  for (const Token token : std::exchange(context_.ended, {})) context_.sessions.free(token);
}

}  // namespace millrace
