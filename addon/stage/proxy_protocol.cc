#include "stage/proxy_protocol.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstring>
#include <optional>
#include <string_view>
#include <utility>

namespace millrace {
namespace {

using State = ProxyHeader::State;

constexpr std::string_view prefix1 = "PROXY ";
constexpr std::string_view signature2("\r\n\r\n\0\r\nQUIT\n", 12);
constexpr size_t longest1 = 107;
constexpr size_t fixed2 = 16;  // signature, version and command, family and protocol, length
constexpr uint8_t crcType = 0x03;
constexpr size_t addressBytes2[] = {0, 12, 36, 216};  // by family: unspecified, IPv4, IPv6, Unix

std::string_view textOf(std::span<const uint8_t> bytes) { return {reinterpret_cast<const char*>(bytes.data()), bytes.size()}; }

PeerAddress peerOf(unsigned family, const uint8_t* ip, const uint8_t* port) {
  if (family == 4) {
    sockaddr_in in{.sin_family = AF_INET};
    std::memcpy(&in.sin_addr, ip, 4);
    std::memcpy(&in.sin_port, port, 2);
    return PeerAddress::from(reinterpret_cast<const sockaddr*>(&in), sizeof in);
  }
  sockaddr_in6 in{.sin6_family = AF_INET6};
  std::memcpy(&in.sin6_addr, ip, 16);
  std::memcpy(&in.sin6_port, port, 2);
  return PeerAddress::from(reinterpret_cast<const sockaddr*>(&in), sizeof in);
}

// ---- version 1

/// The next word of a line, which one space ends; none where it is empty.
std::optional<std::string_view> word(std::string_view& line, bool last = false) {
  const size_t end = line.find(' ');
  if ((end == std::string_view::npos) != last) return std::nullopt;
  const std::string_view found = line.substr(0, end);
  line.remove_prefix(last ? line.size() : end + 1);
  return found.empty() ? std::nullopt : std::optional(found);
}

/// 0 to 65535 in digits, without a zero before them, in network order.
bool readPort(std::string_view text, uint8_t (&port)[2]) {
  if (text.empty() || text.size() > 5 || (text.size() > 1 && text[0] == '0')) return false;
  unsigned value = 0;
  for (const char digit : text) {
    if (digit < '0' || digit > '9') return false;
    value = value * 10 + unsigned(digit - '0');
  }
  port[0] = uint8_t(value >> 8);
  port[1] = uint8_t(value);
  return value <= 65535;
}

bool readIp(int family, std::string_view text, uint8_t (&ip)[16]) {
  char copy[INET6_ADDRSTRLEN];
  if (text.size() >= sizeof copy || text.find('\0') != std::string_view::npos) return false;
  copy[text.copy(copy, text.size())] = 0;
  return ::inet_pton(family, copy, ip) == 1;
}

ProxyHeader readLine(std::string_view line, size_t bytes) {
  line.remove_prefix(prefix1.size());
  if (line == "UNKNOWN" || line.starts_with("UNKNOWN ")) return {State::local, bytes};
  const bool six = line.starts_with("TCP6 ");
  if (!six && !line.starts_with("TCP4 ")) return {State::invalid};
  line.remove_prefix(5);
  const auto source = word(line), destination = word(line), sourcePort = word(line), destinationPort = word(line, true);
  uint8_t ips[2][16], ports[2][2];
  const int family = six ? AF_INET6 : AF_INET;
  if (!source || !destination || !sourcePort || !destinationPort) return {State::invalid};
  if (!readIp(family, *source, ips[0]) || !readIp(family, *destination, ips[1])) return {State::invalid};
  if (!readPort(*sourcePort, ports[0]) || !readPort(*destinationPort, ports[1])) return {State::invalid};
  const unsigned number = six ? 6 : 4;
  return {State::proxied, bytes, peerOf(number, ips[0], ports[0]), peerOf(number, ips[1], ports[1])};
}

ProxyHeader readVersion1(std::string_view text) {
  const std::string_view most = text.substr(0, longest1);
  const size_t end = most.find_first_of("\r\n");
  if (end == std::string_view::npos) return {text.size() < longest1 ? State::more : State::invalid};
  if (most[end] != '\r') return {State::invalid};
  if (end + 1 == most.size()) return {text.size() < longest1 ? State::more : State::invalid};
  return most[end + 1] == '\n' ? readLine(most.substr(0, end), end + 2) : ProxyHeader{State::invalid};
}

// ---- version 2

constexpr auto crcTable = [] {
  std::array<uint32_t, 256> table{};
  for (uint32_t i = 0; i < 256; ++i) {
    uint32_t value = i;
    for (int bit = 0; bit < 8; ++bit) value = value >> 1 ^ (value & 1 ? 0x82f63b78u : 0u);
    table[i] = value;
  }
  return table;
}();

/// CRC32c of the header with zeros in the place of the four bytes at `field`.
uint32_t crcOf(std::span<const uint8_t> header, size_t field) {
  uint32_t crc = ~0u;
  for (size_t i = 0; i < header.size(); ++i) {
    const uint8_t byte = i >= field && i < field + 4 ? uint8_t{0} : header[i];
    crc = crc >> 8 ^ crcTable[(crc ^ byte) & 0xff];
  }
  return ~crc;
}

/// Whether what follows the addresses is a row of TLVs that ends with the header, and any CRC in it fits.
bool tlvsFit(std::span<const uint8_t> header, size_t at) {
  bool summed = false;  // at most once, or a header could cost seconds
  while (at < header.size()) {
    if (header.size() - at < 3) return false;
    const size_t length = size_t(header[at + 1]) << 8 | header[at + 2];
    const uint8_t type = header[at];
    at += 3;
    if (length > header.size() - at) return false;
    if (type == crcType) {
      if (length != 4 || std::exchange(summed, true)) return false;
      const uint32_t said = uint32_t(header[at]) << 24 | uint32_t(header[at + 1]) << 16 | uint32_t(header[at + 2]) << 8 | header[at + 3];
      if (said != crcOf(header, at)) return false;
    }
    at += length;
  }
  return true;
}

ProxyHeader readVersion2(std::span<const uint8_t> head, ProxyTransport transport) {
  if (head.size() > 12 && head[12] != 0x20 && head[12] != 0x21) return {State::invalid};
  const bool local = head.size() > 12 && head[12] == 0x20;  // whose family and block mean nothing
  if (!local && head.size() > 13 && (head[13] >> 4 > 3 || (head[13] & 15) > 2)) return {State::invalid};
  if (head.size() < fixed2) return {State::more};
  const size_t bytes = fixed2 + (size_t(head[14]) << 8 | head[15]);
  if (local) return {head.size() < bytes ? State::more : State::local, head.size() < bytes ? 0 : bytes};
  const unsigned family = head[13] >> 4;
  if (bytes < fixed2 + addressBytes2[family]) return {State::invalid};
  if (head.size() < bytes) return {State::more};
  if (family == 0) return {State::local, bytes};
  if (!tlvsFit(head.first(bytes), fixed2 + addressBytes2[family])) return {State::invalid};
  const unsigned protocol = head[13] & 15;
  const bool speaks = protocol == 1 || (protocol == 2 && transport == ProxyTransport::datagram);  // a proxy may take questions over TCP or QUIC and pass them on in datagrams
  if (!speaks || family == 3) return {State::local, bytes};  // not an address that this could have come from
  const uint8_t* at = head.data() + fixed2;
  const auto tlvs = head.first(bytes).subspan(fixed2 + addressBytes2[family]);
  if (family == 1) return {State::proxied, bytes, peerOf(4, at, at + 8), peerOf(4, at + 4, at + 10), tlvs};
  return {State::proxied, bytes, peerOf(6, at, at + 32), peerOf(6, at + 16, at + 34), tlvs};
}

// ---- writing

void toIpv6(const PeerAddress& peer, uint8_t (&ip)[16]) {
  if (peer.family == 6) {
    std::memcpy(ip, peer.ip, 16);
    return;
  }
  std::memset(ip, 0, 10);
  ip[10] = ip[11] = 0xff;
  std::memcpy(ip + 12, peer.ip, 4);
}

}  // namespace

ProxyStart proxyStart(std::span<const uint8_t> head) {
  const std::string_view text = textOf(head);
  if (text.starts_with(signature2)) return ProxyStart::version2;
  if (text.starts_with(prefix1)) return ProxyStart::version1;
  return signature2.starts_with(text) || prefix1.starts_with(text) ? ProxyStart::cut : ProxyStart::none;
}

ProxyHeader readProxyHeader(std::span<const uint8_t> head, ProxyTransport transport) {
  switch (proxyStart(head)) {
    case ProxyStart::version1: return readVersion1(textOf(head));
    case ProxyStart::version2: return readVersion2(head, transport);
    case ProxyStart::cut: return {State::more};
    case ProxyStart::none: break;
  }
  return {State::none};
}

size_t writeProxyHeader(unsigned version, const PeerAddress& source, const PeerAddress& destination, std::span<uint8_t, maxProxyHeaderBytes> into, ProxyTransport transport) {
  const bool known = source.family >= 4 && destination.family >= 4;
  const bool six = known && (source.family == 6 || destination.family == 6);
  uint8_t ips[2][16];
  if (six) {
    toIpv6(source, ips[0]);
    toIpv6(destination, ips[1]);
  } else {
    std::memcpy(ips[0], source.ip, 16);
    std::memcpy(ips[1], destination.ip, 16);
  }
  if (version == 1) {
    char line[2 * INET6_ADDRSTRLEN + 64];
    if (!known) {
      std::snprintf(line, sizeof line, "PROXY UNKNOWN\r\n");
    } else {
      char texts[2][INET6_ADDRSTRLEN];
      for (int i = 0; i < 2; ++i) ::inet_ntop(six ? AF_INET6 : AF_INET, ips[i], texts[i], sizeof texts[i]);
      std::snprintf(line, sizeof line, "PROXY TCP%c %s %s %u %u\r\n", six ? '6' : '4', texts[0], texts[1], source.portNumber(), destination.portNumber());
    }
    const size_t bytes = std::min(std::strlen(line), into.size());  // the longest has 104
    std::memcpy(into.data(), line, bytes);
    return bytes;
  }
  const size_t ipBytes = six ? 16 : 4;
  const size_t block = known ? 2 * ipBytes + 4 : 0;
  std::memcpy(into.data(), signature2.data(), signature2.size());
  into[12] = 0x21;
  into[13] = known ? uint8_t((six ? 0x20 : 0x10) | unsigned(transport)) : 0;
  into[14] = 0;
  into[15] = uint8_t(block);
  if (!known) return fixed2;
  uint8_t* at = into.data() + fixed2;
  for (const auto& ip : ips) at = std::copy_n(ip, ipBytes, at);
  for (const PeerAddress* peer : {&source, &destination}) at = std::copy_n(peer->port, 2, at);
  return fixed2 + block;
}

}  // namespace millrace
