#include "stage/destination.h"

#include <arpa/inet.h>

#include <algorithm>
#include <cstring>

#include "stage/client_hello.h"

namespace millrace {
namespace {

/// An IP address in its strict form.
bool readIp(std::string_view text, PeerAddress& out) {
  char copy[INET6_ADDRSTRLEN];
  if (text.size() >= sizeof copy || text.find('\0') != std::string_view::npos) return false;
  copy[text.copy(copy, text.size())] = 0;
  sockaddr_in four{};
  four.sin_family = AF_INET;
  if (::inet_pton(AF_INET, copy, &four.sin_addr) == 1) {
    out = PeerAddress::from(reinterpret_cast<const sockaddr*>(&four), sizeof four);
    return true;
  }
  sockaddr_in6 six{};
  six.sin6_family = AF_INET6;
  if (::inet_pton(AF_INET6, copy, &six.sin6_addr) != 1) return false;
  out = PeerAddress::from(reinterpret_cast<const sockaddr*>(&six), sizeof six);
  return true;
}

bool isHex(char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); }

/// What some resolvers take for a number and so the whole for an IPv4 address.
bool endsInNumber(std::string_view name) {
  const std::string_view last = name.substr(name.rfind('.') + 1);  // npos + 1 is 0
  return last.starts_with("0x") && std::all_of(last.begin() + 2, last.end(), isHex);
}

}  // namespace

uint16_t readPort(std::string_view text) {
  if (text.empty() || text.size() > 5 || text[0] == '0') return 0;
  uint32_t port = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') return 0;
    port = port * 10 + uint32_t(c - '0');
  }
  return port > 65535 ? 0 : uint16_t(port);
}

std::optional<Destination> Destination::of(std::string_view host, uint16_t port) {
  Destination destination;
  if (port == 0) return std::nullopt;
  if (!readIp(host, destination.address_)) {
    if (host.empty() || host.size() > destination.name_.size()) return std::nullopt;
    std::copy(host.begin(), host.end(), destination.name_.begin());
    const size_t size = normalizeHostName(std::span(destination.name_).first(host.size()));
    if (size == 0 || endsInNumber({destination.name_.data(), size})) return std::nullopt;
    destination.size_ = uint8_t(size);
  }
  destination.address_.port[0] = uint8_t(port >> 8);
  destination.address_.port[1] = uint8_t(port);
  return destination;
}

std::optional<Destination> Destination::of(const PeerAddress& address) {
  if (address.portNumber() == 0 || (address.family != 4 && address.family != 6)) return std::nullopt;
  Destination destination;
  destination.address_ = address;
  return destination;
}

}  // namespace millrace
