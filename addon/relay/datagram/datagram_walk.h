// The walk of a datagram down the plan (internal). One loop's thread only. Gates and matchers decide at once, for a datagram is whole; limits are asked when a flow
// begins. What a matcher knows only by its beginning (`beginsFlow`), or a proxy says only in its first datagram, leads all that follows of the peer the same way, as long as the flow lasts.
#pragma once
#include <optional>

#include "relay/datagram/flow_context.h"

namespace millrace {

/// Where a datagram of a listener has come from.
struct DatagramFrom {
  DatagramListener& listener;
  const PeerAddress& peer;
  const Received& received;
};

/// Where a datagram goes.
struct DatagramWay {
  uint32_t sink = Node::none;  // none: its flow is there, a gate refuses it, or a sink without flows drops it
  uint32_t place = 0;          // what its flow is kept by, as FlowKey::sink
  Flow* flow = nullptr;        // where one is there
  DropReason why = DropReason::policy;  // where there is neither
  std::optional<ProxiedPeers> said;  // by a proxy
  bool keyed = false;          // its flow is kept by that too
  size_t headerBytes = 0;      // of the headers of proxies, which do not go on
};

/// For this one datagram: in a plan that decides about each by its bytes.
DatagramWay walkDatagram(FlowContext& f, const DatagramFrom& from, std::span<const uint8_t> bytes);
/// The flow on that way, begun where there is none; or null, and the reason why.
Flow* flowOn(FlowContext& f, const DatagramFrom& from, const DatagramWay& way, DropReason& why);
/// The same where all datagrams of a peer go the same way.
Flow* flowOf(FlowContext& f, const DatagramFrom& from, DropReason& why);

}  // namespace millrace
