#include "relay/control.h"

#include "relay/ending.h"
#include "relay/interest.h"
#include "relay/negotiation.h"
#include "relay/pair.h"
#include "relay/pump.h"
#include "relay/walk.h"

namespace millrace {

void endById(Context& c, double id, EndHow how, std::span<const uint8_t> reply) {
  Session* s = c.findById(id);
  if (!s) return;
  if (!reply.empty()) {
    c.bytesOf(*s, toDownstream).produced += reply.size();
    deliver(c, *s, toDownstream, reply);
  }
  switch (how) {
    case EndHow::close:
      if (s->phase < Phase::relaying && s->head && s->head->asked) turnAway(c, *s, Reason::closedByHandler);
      else lingerSession(c, *s, Reason::closedByHandler);
      break;
    case EndHow::reset: resetSession(c, *s, Reason::resetByHandler); break;
    case EndHow::handlerError: resetSession(c, *s, Reason::handlerError); break;
    case EndHow::rejected: lingerSession(c, *s, Reason::rejected); break;
  }
  settle(c, *s);
}

void answerHead(Context& c, double id, uint32_t node, uint32_t branch, size_t consumed, std::span<const uint8_t> bytes) {
  Session* s = c.findById(id);
  if (!s || s->phase != Phase::head || s->node != node || !s->head || !s->head->verdictDue) return;
  headAnswered(c, *s, branch, consumed, bytes);
  settle(c, *s);
}

double write(Context& c, double id, unsigned direction, std::span<const uint8_t> bytes) {
  Session* s = c.findById(id);
  // What becomes of a chunk that was with JS when the session began to end is delivered like one that passes.
  const bool takes = s && (s->phase == Phase::relaying || (s->phase == Phase::lingering && s->pumps[direction].crossing > 0));
  if (!takes) return -1;
  c.bytesOf(*s, direction).produced += bytes.size();
  relayBytes(c, *s, direction, bytes);
  const size_t pending = s->pumps[direction].pendingBytes();
  if (c.nodeOf(*s).op == Op::stream && pending > c.settingsOf(*s).highWaterBytes) s->pumps[direction].drainDue = true;
  settle(c, *s);
  return s->phase == Phase::closed ? -1 : double(pending);
}

void endWrite(Context& c, double id) {
  Session* s = c.findById(id);
  if (!s || s->phase != Phase::relaying || s->sides[1].eof) return;
  s->sides[1].eof = true;
  s->progressMs = c.now();
  if (s->settled(toDownstream)) pumpDrained(c, *s, toDownstream);
  settle(c, *s);
}

void setPaused(Context& c, double id, bool paused) {
  Session* s = c.findById(id);
  if (!s) return;
  s->pumps[toUpstream].paused = paused;
  settle(c, *s);
}

std::vector<SessionInfo> listSessions(Context& c) {
  std::vector<SessionInfo> list;
  list.reserve(c.sessions.size());
  c.sessions.forEach([&](Token token, Session& s) {
    if (s.phase == Phase::closed) return;
    list.push_back({Context::idOf(token), s.node, s.plan, s.phase, s.downstream, s.upstream,
                    {s.pumps[0].sent, s.pumps[1].sent},
                    {s.pumps[0].pendingBytes() + (s.head ? s.head->size() : 0), s.pumps[1].pendingBytes()},
                    c.now() - s.acceptedMs, c.now() - s.progressMs});
  });
  return list;
}

}  // namespace millrace
