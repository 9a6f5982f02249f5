// Intake: from what a socket has received to the flow it belongs to and on to its sink (internal). One loop's thread only. A plan without a
// route by bytes decides once a flow; one with such a route decides for every datagram, and each of its sinks has flows of its own.
#pragma once
#include "relay/datagram/flow_context.h"

namespace millrace {

/// A bounded part of what has come to a listener.
void readListener(FlowContext& f, DatagramListener& listener);
/// A bounded part of what has come from a flow's upstream, or the error about what was sent there.
void readUpstream(FlowContext& f, Flow& flow);
/// What filters have let go on, or where there are none.
void passOn(FlowContext& f, Flow& flow, unsigned direction, const uint8_t* data, uint32_t length, uint32_t segment);

}  // namespace millrace
