// The PROXY protocol, versions 1 and 2 (HAProxy's doc/proxy-protocol.txt): who a proxy says it speaks for. Pure, any thread.
// readProxyHeader is called with everything from the first byte on, as often as that grows. It takes no address before the whole header is there, and none from one that is
// wrong anywhere: the texts of version 1 in their one form, the lengths of version 2 within its block, and a CRC32c, where there is one, that fits.
// ProxyProtocolStage: whose headers are believed, and what one is good for.
// Invariant: an answer other than `more` does not change when bytes are added, and nothing behind the header is read.
#pragma once

#include <cstddef>
#include <span>
#include <utility>

#include "core/peer_address.h"
#include "stage/networks.h"

namespace millrace {

struct ProxyHeader {
  enum class State : uint8_t {
    more,
    none,     // the bytes are no beginning of a header
    invalid,  // they are, and of none that may be
    local,    // the proxy speaks for itself, or does not say for whom
    proxied,
  };
  State state;
  size_t bytes = 0;  // of the header: with local and proxied
  PeerAddress source = {}, destination = {};
  std::span<const uint8_t> tlvs = {};  // within what was read: of version 2 with proxied
};

/// What the bytes begin like: a header of one of the versions, or, as long as they are too few to say, perhaps one.
enum class ProxyStart : uint8_t { none, cut, version1, version2 };
ProxyStart proxyStart(std::span<const uint8_t> head);

enum class ProxyTransport : uint8_t { stream = 1, datagram = 2 };

/// `transport`: what the header came by. It may name the other kind of client only within a datagram.
ProxyHeader readProxyHeader(std::span<const uint8_t> head, ProxyTransport transport = ProxyTransport::stream);

/// The longest that writeProxyHeader makes.
inline constexpr size_t maxProxyHeaderBytes = 107;

/// A header of that version, and its length; of version 1 there is none for a datagram. Of peers that have no IP address it says that they are not known.
size_t writeProxyHeader(unsigned version, const PeerAddress& source, const PeerAddress& destination, std::span<uint8_t, maxProxyHeaderBytes> into,
                        ProxyTransport transport = ProxyTransport::stream);

enum class ProxyMode : uint8_t { require, use, ignore, reject };

/// Which datagrams of a flow have a header.
enum class ProxyDialect : uint8_t { every, first };

/// What a header says of a session or a flow: whom it is from, and where that has sent to.
struct ProxiedPeers {
  PeerAddress source, destination;

  bool operator==(const ProxiedPeers&) const = default;
};

class ProxyProtocolStage {
 public:
  ProxyProtocolStage(Networks from, ProxyMode goodFor, ProxyDialect datagrams) : mode(goodFor), dialect(datagrams), from_(std::move(from)) {}

  /// Whether this peer's header would be one: anybody else's bytes are its own.
  bool expects(const PeerAddress& peer) const { return from_.contains(peer); }

  const ProxyMode mode;
  const ProxyDialect dialect;

 private:
  Networks from_;
};

}  // namespace millrace
