#include "relay/engine.h"

#include <errno.h>
#include <fcntl.h>

#include <algorithm>
#include <cstdio>

#include "core/sys.h"
#include "relay/dial.h"
#include "relay/ending.h"
#include "relay/interest.h"
#include "relay/invariants.h"
#include "relay/pair.h"
#include "relay/pump.h"
#include "relay/walk.h"
#include "stage/idle_timeout.h"
#include "stage/max_duration.h"

namespace millrace {
namespace {

constexpr uint64_t firstPauseMs = 10;
constexpr uint64_t longestPauseMs = 100;
constexpr size_t sliceRecords = 256;
constexpr int crossingRounds = 16;  // a handler that keeps causing records must not hold the turn for ever

uint16_t readFirstEphemeralPort() {
  unsigned first = 32768;
  if (FILE* range = std::fopen("/proc/sys/net/ipv4/ip_local_port_range", "re")) {
    if (std::fscanf(range, "%u", &first) != 1) first = 32768;
    std::fclose(range);
  }
  return uint16_t(first);
}

}  // namespace

Engine::Engine(Loop& loop, RelayOptions options, std::vector<Plan> plans, std::span<uint8_t> arena, Host& host)
    : context_(loop, options, arena), host_(host), reserve_(::open("/dev/null", O_RDONLY | O_CLOEXEC)) {
  for (Plan& plan : plans) {
    context_.plans.push_back(std::make_unique<PlanState>());
    context_.plans.back()->plan = std::move(plan);
  }
  context_.firstEphemeralPort = readFirstEphemeralPort();
  listenerHandler_.engine = this;
  drainTimer_.engine = this;
  drainTimer_.fire = [](LoopTimer& timer) { static_cast<DrainTimer&>(timer).engine->drainOver(); };
  loop.handle(Context::sessionKind, this);
  loop.handle(Context::listenerKind, &listenerHandler_);
}

Engine::~Engine() {
  for (auto& listener : listeners_) context_.loop.timers().cancel(*listener);
  context_.loop.timers().cancel(drainTimer_);
  context_.sessions.forEach([&](Token, Session& s) { resetSession(context_, s, Reason::serverClosed); });
  reap();
}

std::optional<SysError> Engine::listen() {
  for (size_t p = 0; p < context_.plans.size(); ++p) {
    const Plan& plan = context_.plans[p]->plan;
    for (size_t e = 0; e < plan.listen.size(); ++e) {
      auto opened = Listener::open(plan.listen[e], plan.backlog, plan.dualStack);
      if (!opened) {
        listeners_.clear();
        return opened.error();
      }
      Listener& listener = **opened;
      listener.plan = uint16_t(p);
      listener.endpoint = uint16_t(e);
      listener.engine = this;
      listener.fire = [](LoopTimer& timer) {
        auto& due = static_cast<Listener&>(timer);
        due.engine->resume(due);
      };
      listeners_.push_back(std::move(*opened));
    }
  }
  return std::nullopt;
}

void Engine::start() {
  for (auto& listener : listeners_) resume(*listener);
}

// ---- accepting

void Engine::resume(Listener& listener) {
  if (draining_ || listener.watched) return;
  const auto index = uint32_t(std::find_if(listeners_.begin(), listeners_.end(), [&](auto& l) { return l.get() == &listener; }) - listeners_.begin());
  if (context_.loop.poller().add(listener.fd(), EPOLLIN, {.token = {index, 1}, .kind = Context::listenerKind})) {
    context_.loop.timers().arm(listener, context_.now() + longestPauseMs);
    return;
  }
  listener.watched = true;
  if (std::exchange(listener.paused, false)) notice(listener, Notice::resumed, 0);
}

void Engine::pause(Listener& listener, int error) {
  if (listener.watched) context_.loop.poller().remove(listener.fd());
  listener.watched = false;
  listener.paused = true;
  listener.pauseMs = std::clamp(listener.pauseMs * 2, firstPauseMs, longestPauseMs);
  context_.loop.timers().arm(listener, context_.now() + listener.pauseMs);
  notice(listener, Notice::paused, error);
}

void Engine::notice(const Listener& listener, Notice code, int error) {
  Record r;
  r.kind = double(RecordKind::notice);
  r.value = double(code);
  r.extra = error;
  r.listener = double(listener.plan) * 65536 + listener.endpoint;
  context_.outbox.push(r);
}

void Engine::acceptReady(Listener& listener, int budget) {
  for (int i = 0; i < budget; ++i) {
    Listener::Accepted arrival = listener.accept();
    if (arrival.fd) {
      listener.pauseMs = 0;
      admit(listener, std::move(arrival.fd), arrival.peer);
      continue;
    }
    if (arrival.error == 0) return;
    if (arrival.error == EMFILE || arrival.error == ENFILE) listener.shedOne(reserve_);
    return pause(listener, arrival.error);
  }
}

void Engine::admit(Listener& listener, Fd fd, const PeerAddress& peer) {
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
  switch (s->phase) {
    case Phase::head:
      if (s->head && side == 0) headReady(context_, *s, events);
      break;
    case Phase::connecting:
      if (side == 1) connectReady(context_, *s, events);
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
  if (watched & watchOut && events & (EPOLLOUT | EPOLLERR | EPOLLHUP)) flushPending(context_, s, 1 - side);
  if (s.phase != Phase::relaying || !(events & (EPOLLIN | EPOLLERR | EPOLLHUP))) return;
  if (interestOf(context_, s, side) & watchIn) sourceReady(context_, s, side);
}

void Engine::timerFired(Session& s) {
  if (deadlineOf(context_, s) <= context_.now()) {
    switch (s.phase) {
      case Phase::head: headTimedOut(context_, s); break;
      case Phase::resolving:
      case Phase::connecting: dialTimer(context_, s); break;
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
    if (!s.pumps[toDownstream].pending.empty()) flushPending(context_, s, toDownstream);
    if (s.phase != Phase::relaying) return;
  }
  if (maxDurationDeadlineMs(settings.maxDurationMs, s.acceptedMs) <= now) return resetSession(context_, s, Reason::maxDuration);
  if (idleDeadlineMs(settings.idleTimeoutMs, s.progressMs) <= now) return lingerSession(context_, s, Reason::idleTimeout);
  if (deadlineOf(context_, s) <= now) lingerSession(context_, s, Reason::halfCloseTimeout);
}

// ---- the end of a turn

void Engine::turnEnd() {
  for (int round = 0; round < crossingRounds; ++round) {
    if (draining_ && !closed_ && context_.sessions.size() == context_.ended.size()) {
      closed_ = true;
      Record r;
      r.kind = double(RecordKind::closed);
      context_.outbox.push(r);
    }
    if (context_.outbox.empty() && context_.deferred.empty()) break;
    publishLedgers();  // who is told of a close finds it in the ledger
    std::vector<Record> records = context_.outbox.takeRecords();
    for (size_t at = 0; at < records.size(); at += sliceRecords) {
      const auto slice = std::span(records).subspan(at, std::min(sliceRecords, records.size() - at));
      host_.cross(slice);
      context_.loop.refreshClock();  // a handler may have taken its time
      applyVerdicts(slice);
    }
    if (context_.outbox.empty()) {
      context_.outbox.reset();
      retryDeferred();
    }
  }
  if (!context_.outbox.empty() || !context_.deferred.empty()) context_.loop.wake();
  feedStarved();
  reap();
  assertInvariants(context_, context_.outbox.empty());
  publishLedgers();
}

void Engine::publishLedgers() {
  for (auto& plan : context_.plans) plan->ledger.publish();
}

void Engine::applyVerdicts(std::span<const Record> records) {
  for (const Record& record : records) {
    switch (RecordKind(int(record.kind))) {
      case RecordKind::head: applyHead(record); break;
      case RecordKind::chunk:
      case RecordKind::data: applyBytes(record); break;
      default: break;
    }
  }
}

void Engine::applyHead(const Record& record) {
  Session* s = context_.findById(record.session);
  if (!s || s->phase != Phase::head || !s->head || !s->head->verdictDue || s->node != uint32_t(record.node)) return;
  switch (Verdict(int(record.verdict))) {
    case Verdict::pass: headAnswered(context_, *s, 0, 0, {}); break;
    case Verdict::more: headNeedsMore(context_, *s); break;
    case Verdict::later:
    case Verdict::answered: return;
  }
  settle(context_, *s);
}

void Engine::applyBytes(const Record& record) {
  const auto direction = unsigned(record.value);
  const auto length = uint64_t(record.length);
  ByteCounts& counts = context_.plans[size_t(record.listener) / 65536]->ledger.now.bytes[direction];
  counts.pending -= length;
  const bool chunk = RecordKind(int(record.kind)) == RecordKind::chunk;
  const bool pass = chunk && Verdict(int(record.verdict)) == Verdict::pass;
  Session* s = context_.findById(record.session);
  if (!pass) counts.consumed += length;
  else if (!s) counts.dropped += length;
  if (!s || !chunk) return;
  --s->pumps[direction].crossing;
  if (pass) relayBytes(context_, *s, direction, context_.outbox.bytes(size_t(record.offset), size_t(length)));
  // An end may have been waiting for this chunk.
  const unsigned ends = s->sides[1].fd ? direction : unsigned{toDownstream};
  if (s->settled(ends)) pumpDrained(context_, *s, ends);
  lingerOn(context_, *s);
  settle(context_, *s);
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
  if (context_.starved.empty() || context_.pool.availableBytes() < Block::capacity) return;
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

// ---- commands

void Engine::setUpstream(uint32_t plan, uint32_t upstream, std::vector<SocketAddress> addresses) {
  if (addresses.empty()) return;
  Upstream& it = context_.plans[plan]->plan.upstreams[upstream];
  it.addresses = std::move(addresses);
  it.preferred = 0;
  context_.sessions.forEach([&](Token, Session& s) {
    if (s.phase != Phase::resolving || s.plan != plan || context_.nodeOf(s).forward.upstream != upstream) return;
    dial(context_, s);
    settle(context_, s);
  });
}

void Engine::close(uint64_t drainMs) {
  // Who has finished the handshake is served; the kernel would reset them.
  if (drainMs > 0 && !draining_) {
    for (auto& listener : listeners_) acceptReady(*listener, context_.plans[listener->plan]->plan.backlog + acceptBudget);
  }
  draining_ = true;
  for (auto& listener : listeners_) context_.loop.timers().cancel(*listener);
  listeners_.clear();
  if (drainMs == 0) return drainOver();
  const uint64_t deadline = context_.now() + drainMs;
  if (!drainTimer_.armed() || deadline < drainTimer_.deadlineMs) context_.loop.timers().arm(drainTimer_, deadline);
}

void Engine::drainOver() {
  context_.sessions.forEach([&](Token, Session& s) { resetSession(context_, s, Reason::serverClosed); });
}

void Engine::endById(double id, EndHow how, std::span<const uint8_t> reply) {
  Session* s = context_.findById(id);
  if (!s) return;
  if (!reply.empty()) {
    context_.bytesOf(*s, toDownstream).produced += reply.size();
    deliver(context_, *s, toDownstream, reply);
  }
  switch (how) {
    case EndHow::close: lingerSession(context_, *s, Reason::closedByHandler); break;
    case EndHow::reset: resetSession(context_, *s, Reason::resetByHandler); break;
    case EndHow::handlerError: resetSession(context_, *s, Reason::handlerError); break;
    case EndHow::rejected: lingerSession(context_, *s, Reason::rejected); break;
  }
  settle(context_, *s);
}

void Engine::answerHead(double id, uint32_t node, uint32_t branch, size_t consumed, std::span<const uint8_t> bytes) {
  Session* s = context_.findById(id);
  if (!s || s->phase != Phase::head || s->node != node || !s->head || !s->head->verdictDue) return;
  headAnswered(context_, *s, branch, consumed, bytes);
  settle(context_, *s);
}

double Engine::write(double id, unsigned direction, std::span<const uint8_t> bytes) {
  Session* s = context_.findById(id);
  if (!s || s->phase != Phase::relaying) return -1;
  context_.bytesOf(*s, direction).produced += bytes.size();
  relayBytes(context_, *s, direction, bytes);
  const size_t pending = s->pumps[direction].pending.size();
  if (context_.nodeOf(*s).op == Op::stream && pending > context_.settingsOf(*s).highWaterBytes) s->pumps[direction].drainDue = true;
  settle(context_, *s);
  return s->phase == Phase::closed ? -1 : double(pending);
}

void Engine::endWrite(double id) {
  Session* s = context_.findById(id);
  if (!s || s->phase != Phase::relaying || s->sides[1].eof) return;
  s->sides[1].eof = true;
  s->progressMs = context_.now();
  if (s->settled(toDownstream)) pumpDrained(context_, *s, toDownstream);
  settle(context_, *s);
}

void Engine::setPaused(double id, bool paused) {
  Session* s = context_.findById(id);
  if (!s) return;
  s->pumps[toUpstream].paused = paused;
  settle(context_, *s);
}

std::vector<SessionInfo> Engine::sessions() {
  std::vector<SessionInfo> list;
  list.reserve(context_.sessions.size());
  context_.sessions.forEach([&](Token token, Session& s) {
    if (s.phase == Phase::closed) return;
    list.push_back({Context::idOf(token), s.node, s.plan, s.phase, s.downstream, s.upstream,
                    {s.pumps[0].sent, s.pumps[1].sent},
                    {s.pumps[0].pending.size() + (s.head ? s.head->size() : 0), s.pumps[1].pending.size()},
                    context_.now() - s.acceptedMs, context_.now() - s.progressMs});
  });
  return list;
}

}  // namespace millrace
