// Egress: how datagrams leave (internal). One loop's thread only. What a turn brings is gathered by flow; runs to one destination leave as one
// UDP_SEGMENT send, the replies of all flows of a listener together by sendmmsg(2). A segmented send that the kernel refuses (EIO, EINVAL,
// EMSGSIZE) is sent again at once without, and the feature rests for a minute for that socket or destination. What the socket does not take
// now is copied and pending, in order and under a cap. An ICMP error on a connected socket is about an earlier datagram: the one that met it
// is sent again, once.
// Invariant: every datagram that was enqueued has been sent, is pending, or was dropped with a reason when flushTurn() returns.
#pragma once
#include "relay/datagram/flow_context.h"

namespace millrace {

/// `data` has to stay until flushTurn(). The datagrams are counted as pending already.
void enqueue(FlowContext& f, Flow& flow, unsigned direction, const uint8_t* data, uint32_t length, uint32_t segment);
/// Sends what this turn has for the flow's upstream.
void sendUpstream(FlowContext& f, Flow& flow);
/// Sends all that this turn has.
void flushTurn(FlowContext& f);

/// The socket takes something again.
void flushPending(FlowContext& f, Flow& flow);
void flushPending(FlowContext& f, DatagramListener& listener);
void dropPending(FlowContext& f, Flow& flow, DropReason reason);
void dropPending(FlowContext& f, DatagramListener& listener, DropReason reason);

}  // namespace millrace
