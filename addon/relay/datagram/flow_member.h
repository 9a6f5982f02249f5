// A flow's place in a set of upstreams (internal): what relay/membership.h is for sessions. One loop's thread only. A flow stays with its member; one
// whose member turns out to be gone ends, so that what its peer sends next begins another.
// Invariant: Flow::member is the slot of the member that counts the flow, or Candidate::none.
#pragma once
#include <errno.h>

#include "relay/datagram/flow_context.h"

namespace millrace {

/// What connectMember() says where all that could take a flow have as many as they may.
constexpr int membersFull = EDQUOT;

/// Chooses a member and opens the flow's socket to it, of a set without members none yet: 0 or an errno, EHOSTUNREACH where there is nobody.
int connectMember(FlowContext& f, Flow& flow, UpstreamSet& set);
void leaveMember(FlowContext& f, Flow& flow);
/// Something has come from the member.
void memberAnswered(FlowContext& f, Flow& flow);
/// The flow's socket has told of an ICMP error, an errno, which is counted. EMSGSIZE says that the way is narrower than was known, and nothing about who is there.
void noteIcmpError(FlowContext& f, const Flow& flow, int error);
/// A datagram to the upstream has been dropped instead of sent: where it was the one that says whom the flow is from, that has to begin anew.
void noteUnsent(FlowContext& f, const Flow& flow);
/// A check has found a member of a set down: its flows end, if the set says so.
void endFlowsOf(FlowContext& f, uint32_t plan, uint32_t upstream, uint32_t slot);
/// At a turn's end: counts what was noted, and ends flows whose member is no longer in use, or whose upstream does not know whom they are from.
void judgeUnreached(FlowContext& f);

}  // namespace millrace
