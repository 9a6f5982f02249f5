#include "relay/pair.h"

#include "core/sys.h"
#include "relay/ending.h"
#include "relay/interest.h"

namespace millrace {
namespace {

constexpr uint64_t resetWaitMs = 1000;  // for the other side to acknowledge what it was sent
constexpr uint64_t resetPollMs = 10;

Reason resetReason(unsigned deadSide) { return deadSide == 0 ? Reason::resetByDownstream : Reason::resetByUpstream; }

bool hasUpstream(const Session& s) { return bool(s.sides[1].fd); }

/// Nobody takes what is pending. Who waits to write more, and maybe does not read as long, is to know.
void abandon(Context& c, Session& s, unsigned direction) {
  Pump& pump = s.pumps[direction];
  pump.broken = true;
  dropPending(c, s, direction);
  if (!pump.drainDue || s.phase != Phase::relaying) return;
  pump.drainDue = false;
  c.outbox.push(c.record(RecordKind::drain, s));
}

/// `deadSide` has been reset and nothing it sent is left with us: the other side gets the reset.
void passReset(Context& c, Session& s, unsigned deadSide) {
  if (s.phase != Phase::relaying) return;
  const unsigned other = 1 - deadSide;
  s.phase = Phase::resetting;
  s.reason = resetReason(deadSide);
  s.phaseDeadlineMs = c.now() + resetWaitMs;
  if (!s.sides[other].fd || s.sides[other].dead) return endSession(c, s, s.reason);
  dropPending(c, s, other);
  pollReset(c, s);
}

}  // namespace

void pollReset(Context& c, Session& s) {
  const unsigned other = s.reason == Reason::resetByDownstream ? 1 : 0;
  const int fd = s.sides[other].fd.get();
  const bool hasSent = s.pumps[1 - other].sent > 0;  // else there is nothing to ask about
  if (hasSent && sys::unsentBytes(fd) > 0 && c.now() < s.phaseDeadlineMs) {
    s.wakeMs = c.now() + resetPollMs;
    return;
  }
  sys::setLingerZero(fd);
  endSession(c, s, s.reason);
}

void pumpDrained(Context& c, Session& s, unsigned direction) {
  if (s.phase != Phase::relaying || !s.sides[direction].eof || s.head) return;
  if (hasUpstream(s) && s.sides[direction].dead) return passReset(c, s, direction);
  Side& to = s.sides[1 - direction];
  if (to.fin || !to.fd) return;
  to.fin = true;
  if (sys::shutdownWrite(to.fd.get()) < 0 && !to.dead) return destinationFailed(c, s, direction);
  if (!hasUpstream(s)) {
    if (s.sides[0].eof) endSession(c, s, Reason::finished);
    return;
  }
  if (s.sides[0].fin && s.sides[1].fin) endSession(c, s, Reason::finished);
}

void sourceEnded(Context& c, Session& s, unsigned side) {
  if (s.sides[side].dead) return sourceFailed(c, s, side);
  s.sides[side].eof = true;
  s.progressMs = c.now();
  if (hasUpstream(s)) {
    if (s.settled(side)) pumpDrained(c, s, side);
    return;
  }
  // Side 0 is all there is: the sink answers the end.
  if (c.nodeOf(s).op == Op::stream) {
    c.outbox.push(c.record(RecordKind::end, s));
    s.known = true;
    if (s.sides[0].fin) endSession(c, s, Reason::finished);
    return;
  }
  s.sides[1].eof = true;
  if (s.settled(toDownstream)) pumpDrained(c, s, toDownstream);
}

void sourceFailed(Context& c, Session& s, unsigned side) {
  Side& it = s.sides[side];
  it.dead = true;
  it.eof = true;
  s.progressMs = c.now();
  if (!hasUpstream(s)) return endSession(c, s, resetReason(0));
  s.pumps[1 - side].broken = true;
  dropPending(c, s, 1 - side);
  if (s.settled(side)) passReset(c, s, side);
}

void destinationFailed(Context& c, Session& s, unsigned direction) {
  const unsigned side = 1 - direction;
  Side& it = s.sides[side];
  it.dead = true;
  abandon(c, s, direction);
  if (s.phase != Phase::relaying) return;
  if (s.flowing(side)) return;  // it may have something left to say; the read that ends it comes back as sourceEnded
  if (!hasUpstream(s)) return endSession(c, s, resetReason(0));
  if (s.settled(side)) passReset(c, s, side);
}

void sideHungUp(Context& c, Session& s, unsigned side) {
  Side& it = s.sides[side];
  const int error = sys::socketError(it.fd.get());
  it.hungUp = true;
  unwatch(c, s, side);
  if (error == 0 || it.dead) return;
  s.error = error;
  it.dead = true;
  abandon(c, s, 1 - side);
  if (s.phase != Phase::relaying || s.flowing(side)) return;
  if (!hasUpstream(s)) return endSession(c, s, resetReason(0));
  if (s.settled(side)) passReset(c, s, side);
}

}  // namespace millrace
