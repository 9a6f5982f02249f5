#include "relay/datagram/flow_member.h"

#include "relay/datagram/flow_life.h"
#include "relay/membership.h"

namespace millrace {
namespace {

UpstreamSet& setOf(FlowContext& f, const Flow& flow) { return *f.planOf(flow).upstreams[f.nodeOf(flow).forward.upstream].set; }

}  // namespace

int connectMember(FlowContext& f, Flow& flow, UpstreamSet& set) {
  if (set.unknown()) return 0;  // what comes is pending until there is a member
  leaveMember(f, flow);         // whose socket could not be watched
  SourceAddresses& sources = f.planOf(flow).nodes[flow.node].forward.sources;
  std::vector<uint32_t> tried;
  for (int error = EHOSTUNREACH;;) {
    const auto choice = set.take(flow.downstream(), f.now(), tried);
    if (choice.answer == UpstreamSet::Answer::full) return membersFull;
    if (choice.answer == UpstreamSet::Answer::none) return error;
    flow.member = choice.slot;
    flow.upstreamPeer = set.peerOf(choice.slot);
    error = -openConnected(flow.upstream, set.member(choice.slot).address, sources, f.now());
    if (error == 0) return 0;
    if (!isOurFault(error)) countFailure(f.c, set, choice.slot, error);
    leaveMember(f, flow);
    if (isOurFault(error)) return error;
    tried.push_back(choice.slot);
  }
}

void leaveMember(FlowContext& f, Flow& flow) {
  if (const uint32_t slot = std::exchange(flow.member, Candidate::none); slot != Candidate::none) setOf(f, flow).leave(slot);
}

void memberAnswered(FlowContext& f, Flow& flow) { setOf(f, flow).succeeded(flow.member); }

void noteIcmpError(FlowContext& f, const Flow& flow, int error) {
  ++f.countersOf(flow.plan).icmpErrors;
  // What was too large may have been the introduction, unless that was heard.
  const bool concerns = error == EMSGSIZE ? flow.introduced && !flow.replied : flow.introduced || flow.member != Candidate::none;
  if (concerns) f.unreached.emplace_back(flow.token, error);
}

void noteUnsent(FlowContext& f, const Flow& flow) {
  if (flow.introduced && flow.tally[toUpstream].sent.datagrams == 0) f.unintroduced.push_back(flow.token);
}

void endFlowsOf(FlowContext& f, uint32_t plan, uint32_t upstream, uint32_t slot) {
  const Plan& it = f.c.plans[plan]->plan;
  if (!it.datagram || !it.upstreams[upstream].set->options.closeOnUnhealthy) return;
  f.flows.forEach([&](Token, Flow& flow) {
    if (flow.plan == plan && flow.member == slot && f.nodeOf(flow).forward.upstream == upstream) endFlow(f, flow, Reason::upstreamUnhealthy);
  });
}

void judgeUnreached(FlowContext& f) {
  for (const auto& [token, error] : std::exchange(f.unreached, {})) {
    Flow* flow = f.flows.find(token);
    if (!flow || flow->over) continue;
    bool lost = flow->introduced;
    if (flow->member != Candidate::none && error != EMSGSIZE) {
      UpstreamSet& set = setOf(f, *flow);
      countFailure(f.c, set, flow->member, error);
      lost = lost || !set.member(flow->member).usable();
    }
    if (lost) endFlow(f, *flow, error == EMSGSIZE ? Reason::connectFailed : Reason::connectRefused);
  }
  for (const Token token : std::exchange(f.unintroduced, {})) {
    if (Flow* flow = f.flows.find(token)) endFlow(f, *flow, Reason::connectFailed);
  }
}

}  // namespace millrace
