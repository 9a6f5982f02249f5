// Egress to an upstream that is told whom each datagram is from (internal): a header of the PROXY protocol, version 2, and the datagram leave as one (HAProxy's doc/proxy-protocol.txt). What
// has come as a train leaves as one. The copies are the turn's (FlowContext::proxied). One loop's thread only.
#pragma once
#include "relay/datagram/flow_context.h"

namespace millrace {

/// As enqueue() towards the upstream. The headers are bytes that were produced, and no datagrams.
void enqueueProxied(FlowContext& f, Flow& flow, const uint8_t* data, uint32_t length, uint32_t segment);

}  // namespace millrace
