#include "relay/proxy_header.h"

#include <array>

#include "relay/dial.h"
#include "relay/ending.h"
#include "relay/head_phase.h"
#include "relay/proxied.h"

namespace millrace {

bool passProxyHeader(Context& c, Session& s, const Node& node) {
  const ProxyProtocolStage& stage = *node.proxy;
  if (!stage.expects(s.downstream)) return true;
  if (!enterHeadNode(c, s, node.head)) return false;
  const ProxyHeader header = readProxyHeader(s.head->bytes());
  if (header.state == ProxyHeader::State::more) return mayWait(c, s, node.head), false;
  const bool there = header.state == ProxyHeader::State::local || header.state == ProxyHeader::State::proxied;
  if (header.state == ProxyHeader::State::none && stage.mode != ProxyMode::require) return true;
  if (!there) return resetSession(c, s, Reason::malformed), false;
  if (stage.mode == ProxyMode::reject) return resetSession(c, s, Reason::denied), false;
  if (header.state == ProxyHeader::State::proxied && stage.mode != ProxyMode::ignore) noteProxied(s, node, header);
  consumeHead(c, s, header.bytes);
  return true;
}

bool sendProxyHeader(Context& c, Session& s, unsigned version) {
  std::array<uint8_t, maxProxyHeaderBytes> header;
  const bool said = s.head && s.head->destination.family != 0;
  const PeerAddress destination = said ? s.head->destination : SocketAddress::boundTo(s.sides[0].fd.get()).peer();
  const size_t bytes = writeProxyHeader(version, s.downstream, destination, header);
  return sayFirst(c, s, std::span(header).first(bytes));
}

}  // namespace millrace
