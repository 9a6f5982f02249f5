#include "relay/datagram/proxied_egress.h"

#include <algorithm>
#include <cstring>

#include "core/datagram_train.h"
#include "relay/datagram/egress.h"
#include "stage/proxy_protocol.h"

namespace millrace {
namespace {

/// While a name is not resolved, as for IPv4.
size_t mostDatagramBytes(const Flow& flow) { return flow.upstreamPeer.family == 6 ? 65'527 : 65'507; }

/// Where the downstream sent to: as a proxy says, or here, with the port of the listener.
PeerAddress destinationOf(const Flow& flow) {
  if (const ProxiedPeers* said = flow.said()) return said->destination;
  const PeerAddress bound = flow.listener->bound.peer();
  if (flow.key.local.family == 0) return bound;
  PeerAddress local = flow.key.local;
  std::memcpy(local.port, bound.port, sizeof local.port);
  return local;
}

}  // namespace

void enqueueProxied(FlowContext& f, Flow& flow, const uint8_t* data, uint32_t length, uint32_t segment) {
  segment = std::min(segment, length);
  const bool introduces = f.nodeOf(flow).forward.proxyDialect == ProxyDialect::first;
  if (introduces) {
    if (flow.introduced) return enqueue(f, flow, toUpstream, data, length, segment);
    if (length > segment) {
      enqueueProxied(f, flow, data, segment, segment);
      return enqueueProxied(f, flow, data + segment, length - segment, segment);
    }
  }
  std::array<uint8_t, maxProxyHeaderBytes> room;
  const std::span header = std::span(room).first(writeProxyHeader(2, flow.downstream(), destinationOf(flow), room, ProxyTransport::datagram));
  if (introduces) {
    // Dropped here, not by the kernel: a flow whose introduction failed there ends, and this one's is the next datagram.
    if (segment + header.size() > mostDatagramBytes(flow)) return countDropped(f, flow.plan, &flow, toUpstream, DropReason::tooLarge, 1, segment);
    flow.introduced = true;
  }
  const auto each = uint32_t(segment + header.size());
  const uint32_t together = std::clamp(Run::mostBytes / each, 1u, Run::mostSegments);
  eachDatagram(data, length, together * segment, [&](const uint8_t* train, uint32_t bytes) {
    const uint32_t count = datagramsIn(bytes, segment);
    std::vector<uint8_t>& made = f.proxied.emplace_back();
    made.reserve(bytes + count * header.size());
    eachDatagram(train, bytes, segment, [&](const uint8_t* one, uint32_t size) {
      made.insert(made.end(), header.begin(), header.end());
      made.insert(made.end(), one, one + size);
    });
    countIn(f, flow, toUpstream, &FlowTally::produced, 0, count * header.size());
    enqueue(f, flow, toUpstream, made.data(), uint32_t(made.size()), each);
  });
}

}  // namespace millrace
