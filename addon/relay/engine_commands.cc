// What an Engine is told from outside its turns (engine.h).
#include "relay/dial.h"
#include "relay/ending.h"
#include "relay/engine.h"
#include "relay/interest.h"
#include "relay/membership.h"

namespace millrace {

void Engine::setUpstream(uint32_t plan, uint32_t upstream, std::vector<SocketAddress> addresses) {
  if (addresses.empty()) return;
  Upstream& it = context_.plans[plan]->plan.upstreams[upstream];
  it.addresses = std::move(addresses);
  it.preferred = 0;
  upstreamKnown(plan, upstream);
}

void Engine::upstreamKnown(uint32_t plan, uint32_t upstream) {
  datagrams_.upstreamKnown(plan, upstream);
  context_.sessions.forEach([&](Token, Session& s) {
    const Node& node = context_.nodeOf(s);
    if (s.phase != Phase::resolving || s.plan != plan || !node.goesToUpstream() || node.forward.upstream != upstream) return;
    dial(context_, s);
    settle(context_, s);
  });
}

void Engine::setMembers(uint32_t plan, uint32_t upstream, std::vector<MemberIs> members) {
  UpstreamSet* set = context_.plans[plan]->plan.upstreams[upstream].set.get();
  if (!set) return;
  const bool first = set->unknown() && !members.empty();
  set->assign(std::move(members));
  readmit(context_, *set);
  if (first) upstreamKnown(plan, upstream);
}

void Engine::setHealth(uint32_t plan, uint32_t upstream, uint32_t member, bool down) {
  UpstreamSet* set = context_.plans[plan]->plan.upstreams[upstream].set.get();
  const uint32_t slot = set ? set->find(member) : Candidate::none;
  if (slot == Candidate::none || !set->setDown(slot, down, context_.now()) || !down) return;
  readmit(context_, *set);
  memberDown(context_, *set, slot);
  datagrams_.memberDown(plan, upstream, slot);
}

void Engine::close(uint64_t drainMs) {
  // Who has finished the handshake is served; the kernel would reset them.
  if (drainMs > 0 && !draining_) acceptor_.acceptQueued();
  draining_ = true;
  acceptor_.close();
  datagrams_.close(drainMs);
  if (drainMs == 0) return drainOver();
  const uint64_t deadline = context_.now() + drainMs;
  if (!drainTimer_.armed() || deadline < drainTimer_.deadlineMs) context_.loop.timers().arm(drainTimer_, deadline);
}

void Engine::drainOver() {
  context_.sessions.forEach([&](Token, Session& s) { resetSession(context_, s, Reason::serverClosed); });
}

}  // namespace millrace
