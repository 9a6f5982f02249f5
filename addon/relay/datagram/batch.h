// Batch: a turn's datagrams that JS has to see (internal). One loop's thread only. crossBatch() fills the shared rows, one a datagram whatever
// trains they came in, has the host call JS once for all JS nodes, and carries out verdicts and replies while the shared memory stands.
// Invariant: every datagram that crossed is accounted for when it returns, whatever the handlers did.
#pragma once
#include <functional>

#include "relay/datagram/flow_context.h"

namespace millrace {

/// `call`: has JS look at that many rows; false where it could not, and then nothing goes on.
void crossBatch(FlowContext& f, const std::function<bool(size_t)>& call);
/// From within a crossing: bytes for which the shared memory has no room.
void keepLate(FlowContext& f, uint32_t row, bool isReply, std::span<const uint8_t> bytes);

}  // namespace millrace
