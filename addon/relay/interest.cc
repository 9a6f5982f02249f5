#include "relay/interest.h"

#include <algorithm>

#include "relay/ending.h"
#include "stage/half_close_timeout.h"
#include "stage/idle_timeout.h"
#include "stage/max_duration.h"

namespace millrace {
namespace {

bool mayRead(Context& c, const Session& s, unsigned side) {
  const Pump& pump = s.pumps[side];
  if (!s.flowing(side) || pump.paused || pump.throttled || pump.starved || s.head) return false;
  return !s.pumps[answersItself(c.nodeOf(s).op) ? unsigned{toDownstream} : side].holds();
}

bool mustWrite(Context& c, const Session& s, unsigned side) {
  const Pump& into = s.pumps[1 - side];
  const bool held = into.throttled && s.phase == Phase::relaying && isHeldAtExit(c.nodeOf(s).op);
  return into.holds() && !held;
}

uint32_t epollEvents(uint8_t watched) {
  return (watched & watchIn ? uint32_t{EPOLLIN} : 0u) | (watched & watchOut ? uint32_t{EPOLLOUT} : 0u);
}

void watch(Context& c, Session& s, unsigned side, uint8_t wanted) {
  Side& it = s.sides[side];
  if (wanted == it.watched) return;
  // Nothing wanted: stay registered without events, which is one call less when it is wanted again.
  if (wanted == 0) {
    if (it.hungUp || it.dead) return unwatch(c, s, side);
    if (it.watched == watchHangUp) return;
    wanted = watchHangUp;
  }
  const Key key{s.token, Context::sessionKind, uint8_t(side)};
  const int error = it.watched == 0 ? c.loop.poller().add(it.fd.get(), epollEvents(wanted), key)
                                    : c.loop.poller().modify(it.fd.get(), epollEvents(wanted), key);
  if (error) {
    s.error = -error;
    resetSession(c, s, Reason::ioError);
    return;
  }
  it.watched = wanted;
}

}  // namespace

uint8_t interestOf(Context& c, const Session& s, unsigned side) {
  switch (s.phase) {
    case Phase::head:
      if (side != 0 || !s.head) return 0;
      if (mustWrite(c, s, 0)) return watchOut;  // a client of a proxy waits for its answer
      if (!(s.head->verdictDue || s.deferred || s.head->ended)) return watchIn;
      return s.sides[0].hungUp ? 0 : watchHangUp;
    case Phase::resolving:
      return side == 0 && mustWrite(c, s, 0) ? watchOut : 0;
    case Phase::connecting:
      return side == 1 || mustWrite(c, s, 0) ? watchOut : 0;
    case Phase::negotiating:
      if (side == 1) return watchIn;
      return mustWrite(c, s, 0) ? watchOut : 0;
    case Phase::queued:
      return side == 0 && !s.sides[0].hungUp ? watchHangUp : 0;
    case Phase::relaying:
      return uint8_t((mayRead(c, s, side) ? watchIn : 0) | (mustWrite(c, s, side) ? watchOut : 0));
    case Phase::lingering:
      return uint8_t((s.sides[side].eof || s.sides[side].dead ? 0 : watchIn) | (mustWrite(c, s, side) ? watchOut : 0));
    case Phase::resetting:
    case Phase::closed:
      return 0;
  }
  return 0;
}

void settle(Context& c, Session& s) {
  for (unsigned side = 0; side < 2; ++side) {
    if (s.phase == Phase::closed) return;
    if (!s.sides[side].fd) continue;
    uint8_t wanted = interestOf(c, s, side);
    if (wanted == 0 && s.sides[side].watched == 0) {
      // One that rang while the upstream was sought was taken out for that: now is the time to hear that it is gone.
      if (s.phase != Phase::relaying || s.sides[side].hungUp || s.sides[side].dead) continue;
      wanted = watchHangUp;
    }
    watch(c, s, side, wanted);
  }
  if (s.phase == Phase::closed) return;
  const uint64_t deadline = deadlineOf(c, s);
  if (deadline != UINT64_MAX && (!s.armed() || deadline < s.deadlineMs)) c.loop.timers().arm(s, deadline);
}

void unwatch(Context& c, Session& s, unsigned side) {
  Side& it = s.sides[side];
  if (it.watched == 0) return;
  c.loop.poller().remove(it.fd.get());
  it.watched = 0;
}

uint64_t lastMomentOf(Context& c, const Session& s) {
  const bool over = s.phase == Phase::resetting || s.phase == Phase::closed || (s.phase == Phase::lingering && !s.stuck());
  return over || s.phase == Phase::head ? UINT64_MAX : maxDurationDeadlineMs(c.settingsOf(s).maxDurationMs, s.acceptedMs);
}

uint64_t deadlineOf(Context& c, const Session& s) {
  const uint64_t last = lastMomentOf(c, s);
  switch (s.phase) {
    case Phase::head:
      return s.head ? s.head->dueMs() : UINT64_MAX;
    case Phase::resolving:
    case Phase::queued:
    case Phase::connecting:
    case Phase::negotiating:
    case Phase::lingering:
    case Phase::resetting:
      return std::min({s.phaseDeadlineMs, s.wakeMs, last});
    case Phase::relaying: {
      const Settings& settings = c.settingsOf(s);
      uint64_t deadline = std::min(s.wakeMs, last);
      deadline = std::min(deadline, idleDeadlineMs(settings.idleTimeoutMs, s.progressMs));
      if (s.halfClosed()) deadline = std::min(deadline, halfCloseDeadlineMs(settings.halfCloseTimeoutMs, 0, s.progressMs));
      return deadline;
    }
    case Phase::closed:
      break;
  }
  return UINT64_MAX;
}

}  // namespace millrace
