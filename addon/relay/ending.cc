#include "relay/ending.h"

#include <algorithm>

#include "core/sys.h"
#include "relay/associate.h"
#include "relay/interest.h"
#include "relay/limits.h"
#include "relay/membership.h"
#include "relay/pump.h"
#include "relay/splicing.h"

namespace millrace {
namespace {

void dropHead(Context& c, Session& s) {
  if (!s.head) return;
  ByteCounts& bytes = c.bytesOf(s, toUpstream);
  bytes.pending -= s.head->size();
  bytes.dropped += s.head->size();
  s.head.reset();
}

bool lingered(const Session& s, unsigned side) {
  const Side& it = s.sides[side];
  return !it.fd || it.dead || (it.eof && it.fin);
}

constexpr uint64_t resetPollMs = 10;
constexpr uint64_t patienceMs = 60'000;  // with a reader that takes nothing, where it is not said (only sinks have settings) or never: the default of half-closed sessions

/// All that was pending into `side` has been sent: FIN, or the reset that the other side has met.
void endSide(Context& c, Session& s, unsigned side) {
  Side& it = s.sides[side];
  if (!s.sides[1 - side].dead) {
    it.fin = true;
    if (sys::shutdownWrite(it.fd.get()) < 0) it.dead = true;
    s.phaseDeadlineMs = c.now() + c.options.lingerMs;
  } else if (s.pumps[1 - side].sent > 0 && sys::unsentBytes(it.fd.get()) > 0) {
    s.wakeMs = c.now() + resetPollMs;
  } else {
    sys::setLingerZero(it.fd.get());
    it.dead = true;
  }
}

/// When the wait for a reader that takes nothing is over. One that is slow but alive gets all of it.
uint64_t patienceUntil(Context& c, const Session& s) {
  const uint64_t said = c.settingsOf(s).halfCloseTimeoutMs;
  return s.progressMs + std::max(said > 0 ? said : patienceMs, c.options.lingerMs);
}

}  // namespace

void lingerOn(Context& c, Session& s) {
  if (s.phase != Phase::lingering) return;
  for (unsigned side = 0; side < 2; ++side) {
    const Side& it = s.sides[side];
    if (it.fd && !it.dead && !it.fin && s.settled(1 - side)) endSide(c, s, side);
  }
  if (lingered(s, 0) && lingered(s, 1)) return endSession(c, s, s.reason);
  // The linger time begins when nothing is stuck any more: with the FIN, with the wait to pass a reset on, or with the death of who took nothing.
  if (!s.stuck()) s.phaseDeadlineMs = std::min(s.phaseDeadlineMs, c.now() + c.options.lingerMs);
}

void lingerTimer(Context& c, Session& s) {
  s.wakeMs = UINT64_MAX;
  if (s.stuck() && c.now() < patienceUntil(c, s)) {
    s.phaseDeadlineMs = patienceUntil(c, s);
    return;
  }
  if (c.now() < s.phaseDeadlineMs) return lingerOn(c, s);
  for (unsigned side = 0; side < 2; ++side) {
    const Side& it = s.sides[side];
    const bool cutOff = !s.settled(1 - side) || (s.sides[1 - side].dead && !it.fin);  // the kernel would end what it still holds with a FIN
    if (it.fd && cutOff) sys::setLingerZero(it.fd.get());
  }
  endSession(c, s, s.reason);
}

void dropPending(Context& c, Session& s, unsigned direction) {
  ByteQueue& pending = s.pumps[direction].pending;
  ByteCounts& bytes = c.bytesOf(s, direction);
  bytes.pending -= pending.size();
  bytes.dropped += pending.size();
  pending.clear(c.pool);
  dropPipe(c, s, direction);
}

void endSession(Context& c, Session& s, Reason reason) {
  if (s.phase == Phase::closed) return;
  dropHead(c, s);
  dropPending(c, s, toUpstream);
  dropPending(c, s, toDownstream);
  endAssociation(c, s);
  releaseLimits(c.plans[s.plan]->plan.nodes, s.node, s.downstream);
  if (s.inSet) leaveSet(c, s);
  s.phase = Phase::closed;
  s.reason = reason;
  c.loop.timers().cancel(s);
  Counters& counters = c.countersOf(s);
  --counters.open;
  ++counters.closed;
  ++counters.reasons[size_t(reason)];
  if (s.known || c.options.wantEvents) {
    Record r = c.record(RecordKind::close, s);
    r.value = double(reason);
    r.extra = s.error;
    r.bytesToUpstream = double(s.pumps[toUpstream].sent);
    r.bytesToDownstream = double(s.pumps[toDownstream].sent);
    r.durationMs = double(c.now() - s.acceptedMs);
    c.outbox.push(r);
  }
  c.ended.push_back(s.token);
}

void resetSession(Context& c, Session& s, Reason reason) {
  if (s.phase == Phase::closed) return;
  for (Side& side : s.sides) {
    if (side.fd) sys::setLingerZero(side.fd.get());
  }
  endSession(c, s, reason);
}

void lingerSession(Context& c, Session& s, Reason reason) {
  if (s.phase == Phase::closed || s.phase == Phase::lingering || s.phase == Phase::resetting) return;
  if (s.phase != Phase::relaying) s.sides[1] = Side();  // never connected, whatever became of it
  if (s.phase != Phase::relaying && s.inSet) leaveSet(c, s);
  dropHead(c, s);
  s.phase = Phase::lingering;
  s.reason = reason;
  s.wakeMs = UINT64_MAX;
  s.phaseDeadlineMs = c.now() + c.options.lingerMs;
  for (unsigned side = 0; side < 2; ++side) {
    if (!s.sides[side].fd) dropPending(c, s, 1 - side);
    else if (s.pumps[1 - side].holds()) flushPending(c, s, 1 - side);
  }
  lingerOn(c, s);
}

void lingerReady(Context& c, Session& s, unsigned side, uint32_t events) {
  Side& it = s.sides[side];
  if (events & (EPOLLOUT | EPOLLERR | EPOLLHUP) && s.pumps[1 - side].holds()) flushPending(c, s, 1 - side);
  if (s.phase == Phase::closed) return;
  if (events & (EPOLLIN | EPOLLERR | EPOLLHUP) && !it.eof && !it.dead) {
    const ssize_t got = sys::recv(it.fd.get(), c.hot.data(), c.hot.size());
    if (got > 0) {
      ByteCounts& bytes = c.bytesOf(s, side);
      bytes.received += uint64_t(got);
      bytes.dropped += uint64_t(got);
    } else if (got == 0) {
      it.eof = true;
    } else if (!sys::wouldBlock(got)) {
      it.dead = true;
      dropPending(c, s, 1 - side);
    }
  }
  if (events & (EPOLLERR | EPOLLHUP) && (it.eof || it.dead)) {
    it.hungUp = true;
    unwatch(c, s, side);
  }
  lingerOn(c, s);
}

}  // namespace millrace
