// Intake: from what a socket has received to the flow it belongs to and on to its sink (internal). One loop's thread only. A plan without a
// route by bytes decides once a flow; one with such a route decides for every datagram, and each of its sinks has flows of its own.
#pragma once
#include "relay/datagram/flow_context.h"

namespace millrace {

/// A bounded part of what has come to a listener.
void readListener(FlowContext& f, DatagramListener& listener);
/// A flow's upstream has sent something, or there is an error about what was sent to it: a bounded part of it, now or by readTogether().
void upstreamReady(FlowContext& f, Flow& flow);
/// One message of each flow that is waiting for this.
void readTogether(FlowContext& f);
/// What filters have let go on, or where there are none.
void passOn(FlowContext& f, Flow& flow, unsigned direction, const uint8_t* data, uint32_t length, uint32_t segment);

}  // namespace millrace
