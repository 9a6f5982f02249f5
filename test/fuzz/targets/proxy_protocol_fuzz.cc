// The reader of PROXY headers, and what the writer makes of the addresses that were read, and of any.
#include "checksum.h"
#include "properties.h"
#include "stage/proxy_header.h"
#include "stage/proxy_protocol.h"

using namespace millrace;
using State = ProxyHeader::State;

namespace {

struct Header {
  State state;
  size_t bytes;
  PeerAddress source, destination;
  bool operator==(const Header&) const = default;
};

Header readHeader(Input head) {
  const ProxyHeader header = readProxyHeader(head);
  hold(header.bytes <= head.size(), "a header is no longer than what is there");
  hold((header.bytes > 0) == (header.state == State::local || header.state == State::proxied), "and has a length where it is one");
  hold((header.state == State::none) == (proxyStart(head) == ProxyStart::none), "what begins like none is none");
  return {header.state, header.bytes, header.source, header.destination};
}

Header atEveryCut(Input input) {
  return ::atEveryCut(input, readHeader, untilDecided<State::more>);
}

/// What is written is read as it was meant.
void writes(const PeerAddress& source, const PeerAddress& destination) {
  const bool known = source.family >= 4 && destination.family >= 4;
  for (const unsigned version : {1u, 2u}) {
    uint8_t bytes[maxProxyHeaderBytes];
    const Input written = Input(bytes).first(writeProxyHeader(version, source, destination, bytes));
    const Header expected{known ? State::proxied : State::local, written.size(), known ? source : PeerAddress{}, known ? destination : PeerAddress{}};
    hold(atEveryCut(written) == expected, "what is written is read as it was meant");
  }
}

/// 19 bytes: the family, the port, the address.
PeerAddress peerIn(Input bytes) {
  if (bytes[0] % 3 == 0) return {.family = 1};
  if (bytes[0] % 3 == 1) {
    sockaddr_in in{.sin_family = AF_INET};
    std::memcpy(&in.sin_port, bytes.data() + 1, 2);
    std::memcpy(&in.sin_addr, bytes.data() + 3, 4);
    return PeerAddress::from(reinterpret_cast<const sockaddr*>(&in), sizeof in);
  }
  sockaddr_in6 in{.sin6_family = AF_INET6};
  std::memcpy(&in.sin6_port, bytes.data() + 1, 2);
  std::memcpy(&in.sin6_addr, bytes.data() + 3, 16);
  return PeerAddress::from(reinterpret_cast<const sockaddr*>(&in), sizeof in);
}

}  // namespace

void fuzz(Input input) {
  const Header header = atEveryCut(input);
  hold((::atEveryCut(ProxyHeaderMatcher(), input, 12) == Match::yes) == (input.size() >= 6 && (proxyStart(input) == ProxyStart::version1 || proxyStart(input) == ProxyStart::version2)), "proxyHeader asks for its beginning");
  if (header.state == State::proxied) {
    hold(header.source.family >= 4 && header.destination.family >= 4, "who is spoken for has an address");
    writes(header.source, header.destination);
  }
  if (input.size() >= 38) writes(peerIn(input), peerIn(input.subspan(19)));
}
