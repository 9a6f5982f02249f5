#include "relay/ending.h"

#include "core/sys.h"
#include "relay/interest.h"
#include "relay/pump.h"

namespace millrace {
namespace {

void dropHead(Context& c, Session& s) {
  if (!s.head) return;
  ByteCounts& bytes = c.bytesOf(s, toUpstream);
  bytes.pending -= s.head->size();
  bytes.dropped += s.head->size();
  s.head.reset();
}

/// Gives back what the limits above the session's node have counted.
void releaseLimits(Context& c, const Session& s) {
  const std::vector<Node>& nodes = c.plans[s.plan]->plan.nodes;
  for (uint32_t at = nodes[s.node].parent; at != Node::none; at = nodes[at].parent) {
    if (nodes[at].limit) nodes[at].limit->release(s.downstream);
  }
}

bool lingered(const Session& s, unsigned side) {
  const Side& it = s.sides[side];
  return !it.fd || it.dead || (it.eof && it.fin);
}

void finishLingering(Context& c, Session& s) {
  for (unsigned side = 0; side < 2; ++side) {
    Side& it = s.sides[side];
    if (!it.fd || it.dead || it.fin || !s.pumps[1 - side].pending.empty()) continue;
    it.fin = true;
    if (sys::shutdownWrite(it.fd.get()) < 0) it.dead = true;
  }
  if (lingered(s, 0) && lingered(s, 1)) endSession(c, s, s.reason);
}

}  // namespace

void dropPending(Context& c, Session& s, unsigned direction) {
  ByteQueue& pending = s.pumps[direction].pending;
  ByteCounts& bytes = c.bytesOf(s, direction);
  bytes.pending -= pending.size();
  bytes.dropped += pending.size();
  pending.clear(c.pool);
}

void endSession(Context& c, Session& s, Reason reason) {
  if (s.phase == Phase::closed) return;
  dropHead(c, s);
  dropPending(c, s, toUpstream);
  dropPending(c, s, toDownstream);
  releaseLimits(c, s);
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
  if (s.phase == Phase::closed || s.phase == Phase::lingering) return;
  if (s.phase != Phase::relaying && s.sides[1].fd) s.sides[1].fd.reset();  // never connected
  dropHead(c, s);
  s.phase = Phase::lingering;
  s.reason = reason;
  s.wakeMs = UINT64_MAX;
  s.phaseDeadlineMs = c.now() + c.options.lingerMs;
  for (unsigned side = 0; side < 2; ++side) {
    if (!s.sides[side].fd) dropPending(c, s, 1 - side);
    else if (!s.pumps[1 - side].pending.empty()) flushPending(c, s, 1 - side);
    if (s.phase == Phase::closed) return;
  }
  finishLingering(c, s);
}

void lingerReady(Context& c, Session& s, unsigned side, uint32_t events) {
  Side& it = s.sides[side];
  if (events & (EPOLLOUT | EPOLLERR | EPOLLHUP) && !s.pumps[1 - side].pending.empty()) flushPending(c, s, 1 - side);
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
  finishLingering(c, s);
}

}  // namespace millrace
