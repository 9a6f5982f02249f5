// The reader of PROXY headers, and what the writer makes of the addresses that were read, and of any.
#include <string>

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
  if (proxyStart(head) == ProxyStart::version2) {
    const ProxyHeader datagram = readProxyHeader(head, ProxyTransport::datagram);
    const auto whole = [](State state) { return state == State::local || state == State::proxied; };
    hold(datagram.bytes == header.bytes && (datagram.state == header.state || (whole(datagram.state) && whole(header.state))), "of a datagram it is a header as well");
    hold(header.state != State::proxied || (datagram.state == State::proxied && datagram.source == header.source), "and says no less");
  }
  return {header.state, header.bytes, header.source, header.destination};
}

Header atEveryCut(Input input) {
  return ::atEveryCut(input, readHeader, untilDecided<State::more>);
}

size_t be16(Input bytes, size_t at) { return size_t(bytes[at]) << 8 | bytes[at + 1]; }

/// A line of version 1 that names whom it speaks for, taken apart a second time.
void version1Holds(std::string_view line, const Header& read) {
  hold(line.size() <= 107 && line.find_first_of("\r\n") == line.size() - 2, "a line has one end, and 107 bytes at most");
  std::vector<std::string_view> words;
  std::string_view rest = line.substr(0, line.size() - 2);
  for (size_t end = rest.find(' '); end != std::string_view::npos; end = rest.find(' ')) {
    words.push_back(rest.substr(0, end));
    rest.remove_prefix(end + 1);
  }
  words.push_back(rest);
  hold(words.size() == 6 && words[0] == "PROXY" && (words[1] == "TCP4" || words[1] == "TCP6"), "it has six words");
  hold(words[4] == std::to_string(read.source.portNumber()) && words[5] == std::to_string(read.destination.portNumber()), "ports are written in one way");
  for (const std::string_view address : {words[2], words[3]}) {
    hold(address.find_first_not_of(words[1] == "TCP4" ? "0123456789." : "0123456789abcdefABCDEF:.") == std::string_view::npos, "an address is nothing but one");
  }
}

/// A header of version 2 that names whom it speaks for, read a second time, with plain offsets.
void version2Holds(Input header, const Header& read) {
  const bool six = header[13] == 0x21;
  hold(header[12] == 0x21 && (six || header[13] == 0x11) && header.size() == 16 + be16(header, 14), "it is PROXY, TCP, and as long as it says");
  const size_t ipBytes = six ? 16 : 4, ports = 16 + 2 * ipBytes;
  for (const auto& [peer, i] : {std::pair(read.source, size_t(0)), std::pair(read.destination, size_t(1))}) {
    const Input ip = header.subspan(16 + i * ipBytes, ipBytes);
    hold(peer.portNumber() == be16(header, ports + 2 * i) && std::equal(ip.end() - (peer.family == 4 ? 4 : 16), ip.end(), peer.ip), "the addresses are those that stand there");
  }
  size_t at = ports + 4, sums = 0;
  while (at < header.size()) {
    hold(header.size() - at >= 3 && header.size() - at - 3 >= be16(header, at + 1), "TLVs end with the header");
    if (header[at] == 3) {
      Bytes zeroed(header.begin(), header.end());
      std::fill_n(zeroed.begin() + long(at) + 3, 4, uint8_t{0});
      hold(be16(header, at + 1) == 4 && ++sums == 1 && reflectedCrc(crc32c, zeroed) == (be16(header, at + 3) << 16 | be16(header, at + 5)), "one CRC32c at most, which fits");
    }
    at += 3 + be16(header, at + 1);
  }
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
    const Input read = input.first(header.bytes);
    proxyStart(read) == ProxyStart::version2 ? version2Holds(read, header) : version1Holds(textOf(read), header);
    writes(header.source, header.destination);
  }
  if (input.size() >= 38) writes(peerIn(input), peerIn(input.subspan(19)));
}
