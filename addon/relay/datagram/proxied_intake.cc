#include "relay/datagram/proxied_intake.h"

namespace millrace {

bool takeHeader(const ProxyProtocolStage& stage, std::span<const uint8_t> bytes, DatagramWay& way) {
  // Version 1 is for streams, and what is only cut like a header is a datagram like any other.
  if (proxyStart(bytes) != ProxyStart::version2) {
    way.why = DropReason::malformed;
    return stage.mode != ProxyMode::require;
  }
  const ProxyHeader header = readProxyHeader(bytes, ProxyTransport::datagram);
  const bool proxied = header.state == ProxyHeader::State::proxied;
  if (!proxied && header.state != ProxyHeader::State::local) {
    way.why = DropReason::malformed;
    return false;
  }
  if (stage.mode == ProxyMode::reject) return false;
  way.headerBytes += header.bytes;
  if (!proxied || stage.mode == ProxyMode::ignore) return true;
  way.said = {header.source, header.destination};
  way.keyed = stage.dialect == ProxyDialect::every;
  return true;
}

}  // namespace millrace
