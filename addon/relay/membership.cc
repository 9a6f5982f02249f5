#include "relay/membership.h"

#include <errno.h>

#include <algorithm>

#include "core/sys.h"
#include "relay/dial.h"
#include "relay/ending.h"
#include "relay/interest.h"
#include "stage/deadline.h"

namespace millrace {
namespace {

using Answer = UpstreamSet::Answer;

UpstreamSet& setOf(Context& c, const Session& s) { return *c.plans[s.plan]->plan.upstreams[c.nodeOf(s).forward.upstream].set; }

void tell(Context& c, const UpstreamSet& set, uint32_t slot, Notice what, int error) {
  const Member& member = set.member(slot);
  Record r = noticeOf(what, error, set.timer.plan, 0);
  r.node = set.timer.upstream;
  r.length = member.id;
  if (member.ejected) r.durationMs = double(member.ejectedUntilMs - c.now());
  c.outbox.push(r);
}

void armReturn(Context& c, UpstreamSet& set) {
  if (const uint64_t next = set.nextReturnMs(); next != UINT64_MAX) c.loop.timers().arm(set.timer, next);
}

void ejectionOver(LoopTimer& timer) {
  auto& due = static_cast<UpstreamSet::ReturnTimer&>(timer);
  Context& c = *due.context;
  readmit(c, *c.plans[due.plan]->plan.upstreams[due.upstream].set);
}

UpstreamSet::Choice take(Context& c, const Session& s, UpstreamSet& set) {
  const auto found = set.tried.find(s.token.index);
  return found == set.tried.end() ? set.take(s.downstream, c.now()) : set.take(s.downstream, c.now(), found->second);
}

void waitForRoom(Context& c, Session& s, UpstreamSet& set) {
  if (set.queued >= set.options.queueSessions) return resetSession(c, s, Reason::queueFull);
  s.phase = Phase::queued;
  s.phaseDeadlineMs = deadlineAfter(c.now(), set.options.queueMs);
  set.queue.push_back(s.token);
  ++set.queued;
  set.lookDue = true;  // there may be room that those in front cannot take
}

bool waitsIn(Context& c, Token token) {
  const Session* s = c.sessions.find(token);
  return s && s->phase == Phase::queued;
}

/// Until there is no room for one that would take any: there is none for those behind it either. Who has tried the member that has room keeps nobody from it.
void serveQueue(Context& c, UpstreamSet& set) {
  std::vector<Token> passed;
  while (!set.queue.empty()) {
    const Token token = set.queue.front();
    Session* s = c.sessions.find(token);
    const bool waits = waitsIn(c, token);
    const auto choice = waits ? take(c, *s, set) : UpstreamSet::Choice{Answer::none, Candidate::none};
    if (choice.answer == Answer::full && !set.tried.contains(token.index)) break;
    set.queue.pop_front();
    if (!waits) continue;
    if (choice.answer == Answer::full) {
      passed.push_back(token);
      continue;
    }
    if (choice.answer == Answer::none) {
      resetSession(c, *s, Reason::noUpstream);
      continue;
    }
    --set.queued;
    s->firstAddress = choice.slot;
    dial(c, *s);
    settle(c, *s);
  }
  set.queue.insert(set.queue.begin(), passed.begin(), passed.end());
}

}  // namespace

void openSets(Context& c) {
  for (size_t p = 0; p < c.plans.size(); ++p) {
    auto& upstreams = c.plans[p]->plan.upstreams;
    for (size_t u = 0; u < upstreams.size(); ++u) {
      UpstreamSet* set = upstreams[u].set.get();
      if (!set) continue;
      set->timer.context = &c;
      set->timer.plan = uint16_t(p);
      set->timer.upstream = uint32_t(u);
      set->timer.fire = ejectionOver;
      c.sets.push_back(set);
    }
  }
}

void closeSets(Context& c) {
  for (UpstreamSet* set : c.sets) c.loop.timers().cancel(set->timer);
}

bool joinSet(Context& c, Session& s, Reason reason) {
  UpstreamSet& set = setOf(c, s);
  if (!s.inSet) s.firstAddress = Candidate::none;
  s.inSet = true;
  if (s.firstAddress != Candidate::none) return true;
  // Nobody overtakes those who wait.
  bool behind = set.queued > 0 && s.attempts == 0;
  if (behind && set.queued >= set.options.queueSessions) {
    serveQueue(c, set);
    behind = false;  // what room is left is for none of them
  }
  const auto choice = behind ? UpstreamSet::Choice{Answer::full, Candidate::none} : take(c, s, set);
  switch (choice.answer) {
    case Answer::taken:
      s.firstAddress = choice.slot;
      return true;
    case Answer::full:
      waitForRoom(c, s, set);
      return false;
    case Answer::none:
      resetSession(c, s, reason);
      return false;
  }
  return false;
}

void memberConnected(Context& c, Session& s) {
  UpstreamSet& set = setOf(c, s);
  set.succeeded(s.firstAddress);
  set.tried.erase(s.token.index);
}

bool isOurFault(int error) {
  switch (error) {
    case EMFILE: case ENFILE: case ENOBUFS: case ENOMEM: case EAGAIN: case EADDRINUSE: case EADDRNOTAVAIL: return true;
    default: return false;
  }
}

void memberFailed(Context& c, Session& s) {
  UpstreamSet& set = setOf(c, s);
  const uint32_t slot = std::exchange(s.firstAddress, Candidate::none);
  if (slot == Candidate::none) return;
  if (s.error && !isOurFault(s.error)) countFailure(c, set, slot, s.error);
  set.tried[s.token.index].push_back(slot);
  set.leave(slot);
}

bool hasRoomElsewhere(Context& c, const Session& s) {
  UpstreamSet& set = setOf(c, s);
  std::vector<uint32_t> tried{s.firstAddress};
  if (const auto found = set.tried.find(s.token.index); found != set.tried.end()) tried.insert(tried.end(), found->second.begin(), found->second.end());
  return set.hasRoom(tried);
}

void leaveSet(Context& c, Session& s) {
  UpstreamSet& set = setOf(c, s);
  if (s.phase == Phase::queued) {
    --set.queued;
    set.lookDue = true;
    if (set.queue.size() > 2 * set.queued + 64) std::erase_if(set.queue, [&](Token token) { return token == s.token || !waitsIn(c, token); });
  }
  set.tried.erase(s.token.index);
  if (s.firstAddress != Candidate::none) set.leave(s.firstAddress);
  s.firstAddress = Candidate::none;
}

void queuedReady(Context& c, Session& s, uint32_t events) {
  if (const int error = sys::socketError(s.sides[0].fd.get())) {
    s.error = error;
    return endSession(c, s, Reason::resetByDownstream);
  }
  if (!(events & (EPOLLERR | EPOLLHUP))) return;
  s.sides[0].hungUp = true;
  unwatch(c, s, 0);
}

void serveQueues(Context& c) {
  for (UpstreamSet* set : c.sets) {
    // An attempt that fails at once makes room again.
    while (std::exchange(set->lookDue, false) && set->queued > 0) serveQueue(c, *set);
  }
}

void countFailure(Context& c, UpstreamSet& set, uint32_t slot, int error) {
  if (!set.failed(slot, c.now())) return;
  tell(c, set, slot, Notice::memberEjected, error);
  armReturn(c, set);
}

void readmit(Context& c, UpstreamSet& set) {
  for (const uint32_t slot : set.readmit(c.now())) tell(c, set, slot, Notice::memberBack, 0);
  armReturn(c, set);
}

void memberDown(Context& c, UpstreamSet& set, uint32_t slot) {
  c.sessions.forEach([&](Token, Session& s) {
    if (!s.inSet || s.firstAddress != slot || s.phase == Phase::closed || &setOf(c, s) != &set) return;
    if (s.phase == Phase::connecting) dialElsewhere(c, s);
    else if (s.phase == Phase::relaying && set.options.closeOnUnhealthy) resetSession(c, s, Reason::upstreamUnhealthy);
    settle(c, s);
  });
}

std::vector<MemberInfo> listMembers(Context& c) {
  std::vector<MemberInfo> list;
  for (const UpstreamSet* set : c.sets) {
    for (uint32_t slot = 0; slot < set->slots(); ++slot) {
      const Member& it = set->member(slot);
      if (it.key.empty()) continue;
      list.push_back({set->timer.plan, set->timer.upstream, it.id, it.present, it.down, it.ejected ? it.ejectedUntilMs - std::min(c.now(), it.ejectedUntilMs) : 0,
                      set->openSessions(slot), it.sessions, it.failed, set->queued});
    }
  }
  return list;
}

}  // namespace millrace
