// Destination: where the client of a proxy wants to go (internal): an IP address, or a host name that is yet to be resolved. A value, any thread; owns its bytes.
// `of` takes an address only in its strict form (four decimal numbers, or what inet_pton(3) knows as IPv6, without brackets and scope), never what inet_aton(3) would make one
// of: 0x7f.1, 2130706433, 127.1 and 010.0.0.1 are neither addresses nor names here, as a name's last label is not a number (RFC 1123 section 2.1).
// Invariant: an address is never IPv4-mapped, a name is lower-case and has no trailing dot, and the port is not 0.
#pragma once

#include <array>
#include <optional>
#include <string_view>

#include "core/peer_address.h"

namespace millrace {

class Destination {
 public:
  static std::optional<Destination> of(std::string_view host, uint16_t port);
  /// None for port 0 and for what is no IP address.
  static std::optional<Destination> of(const PeerAddress& address);

  bool isName() const { return size_ > 0; }
  std::string_view name() const { return {name_.data(), size_}; }
  /// Of a name: no address, but the port.
  const PeerAddress& address() const { return address_; }
  uint16_t port() const { return address_.portNumber(); }

  bool operator==(const Destination& other) const { return address_ == other.address_ && name() == other.name(); }

 private:
  PeerAddress address_;
  std::array<char, 255> name_;
  uint8_t size_ = 0;
};

/// The port that decimal digits name, 1 to 65535 and without a sign or a leading zero; 0: none.
uint16_t readPort(std::string_view text);

}  // namespace millrace
