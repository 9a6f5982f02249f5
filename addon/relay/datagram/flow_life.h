// How flows begin and end (internal). One loop's thread only. A flow begins with the first datagram of a peer, and ends when it is idle or has
// had its responses, when another needs its place, or when it is told to.
// Invariant: a flow is in the table, in its plan's list and in the counts of the limits above it from begin to end, and in none of them after.
#pragma once
#include "relay/datagram/flow_context.h"

namespace millrace {

/// The flow that was sought, which has come to `sink`, or null with the reason why there is none.
Flow* beginFlow(FlowContext& f, DatagramListener& listener, const FlowSought& sought, uint64_t hash, uint32_t sink, DropReason& why);
/// Whether it may end by its `responses`: each datagram that has gone to the upstream, or is about to, has been answered.
bool hasItsResponses(FlowContext& f, const Flow& flow);
/// What this turn has for it is still sent; what is pending, and what is with JS, is dropped with `drop`.
void endFlow(FlowContext& f, Flow& flow, Reason reason, DropReason drop = DropReason::expired);
/// Something goes back to the downstream: it is no longer the first to give way.
void flowReplied(FlowContext& f, Flow& flow);
/// The upstream's name has an address now.
void connectFlow(FlowContext& f, Flow& flow);
/// Frees what has ended in this turn.
void reapFlows(FlowContext& f);

}  // namespace millrace
