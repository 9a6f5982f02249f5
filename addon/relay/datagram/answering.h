// Answering: sinks that answer a datagram by itself, without a flow (internal). One loop's thread only.
// Invariant: nothing is kept of whom was answered; what the listener does not take at once is pending like any other datagram.
#pragma once
#include "relay/datagram/flow_context.h"

namespace millrace {

inline bool answersAlone(const Node& node) { return node.op == Op::stun; }

/// One datagram of `received`, which stays until sendAnswers().
void answer(FlowContext& f, DatagramListener& listener, uint32_t sink, const Received& received, const PeerAddress& peer, std::span<const uint8_t> bytes);
/// Sends what has been answered; before the receiver is asked again.
void sendAnswers(FlowContext& f, DatagramListener& listener);

}  // namespace millrace
