// The messages of SOCKS version 5 (RFC 1928, RFC 1929), both sides of them (internal). Pure, any thread: readers are called with all bytes that are there, as often as
// they grow; writers fill the caller's buffer and return how much of it. Reserved bytes have to be zero.
// Invariant: an answer other than `more` does not change when bytes are added, and names no byte that is not there.
#pragma once

#include <optional>
#include <span>
#include <string_view>

#include "stage/destination.h"

namespace millrace {

enum class SocksState : uint8_t { more, malformed, whole };

namespace socks {
constexpr uint8_t noLogin = 0, login = 2, noMethod = 0xff;    // methods
constexpr uint8_t connect = 1, bind = 2, associate = 3;       // commands
constexpr uint8_t succeeded = 0, failed = 1, notAllowed = 2, networkUnreachable = 3, hostUnreachable = 4, refused = 5, timedOut = 6, noCommand = 7, noAddressType = 8;
constexpr size_t longestMessage = 3 + 255 + 255;              // the login
}  // namespace socks

struct SocksGreeting {
  SocksState state;
  size_t bytes = 0;
  bool noLogin = false, login = false;  // what the client can do
};

struct SocksLogin {
  SocksState state;
  size_t bytes = 0;
  std::string_view name = {}, password = {};
};

/// An address as it stands in requests, in replies and before datagrams.
struct SocksAddress {
  SocksState state;
  size_t bytes = 0;
  PeerAddress address = {};    // of a name: only its port
  std::string_view name = {};  // as it came
  bool unknownType = false;    // and so malformed

  /// Where it leads; none: to port 0, or by what is no name.
  std::optional<Destination> destination() const { return name.empty() ? Destination::of(address) : Destination::of(name, address.portNumber()); }
};

/// A request (`code` is its command) or the reply to one (`code` is what became of it).
struct SocksCall {
  SocksState state;
  size_t bytes = 0;
  uint8_t code = 0;
  SocksAddress at = {SocksState::more};
};

struct SocksChoice {
  SocksState state;
  uint8_t value = 0;  // the method; of a login 0: accepted
};

/// What stands before the payload of a datagram; malformed too where it is a fragment.
struct SocksDatagram {
  SocksState state;  // never more
  size_t bytes = 0;
  SocksAddress at = {SocksState::more};
};

SocksGreeting readSocksGreeting(std::span<const uint8_t> from);
SocksLogin readSocksLogin(std::span<const uint8_t> from);
SocksCall readSocksCall(std::span<const uint8_t> from);
SocksDatagram readSocksDatagram(std::span<const uint8_t> from);
/// The answers to a greeting and to a login, two bytes each.
SocksChoice readSocksMethod(std::span<const uint8_t> from);
SocksChoice readSocksLoginAnswer(std::span<const uint8_t> from);

/// Room for any message.
using SocksBuffer = std::array<uint8_t, socks::longestMessage>;

std::span<const uint8_t> writeSocksGreeting(bool login, SocksBuffer& out);
std::span<const uint8_t> writeSocksMethod(uint8_t method, SocksBuffer& out);
/// Both of 1 to 255 bytes.
std::span<const uint8_t> writeSocksLogin(std::string_view name, std::string_view password, SocksBuffer& out);
std::span<const uint8_t> writeSocksLoginAnswer(bool accepted, SocksBuffer& out);
std::span<const uint8_t> writeSocksRequest(uint8_t command, const Destination& destination, SocksBuffer& out);
/// Of family 0 the address is 0.0.0.0:0.
std::span<const uint8_t> writeSocksReply(uint8_t code, const PeerAddress& bound, SocksBuffer& out);
std::span<const uint8_t> writeSocksDatagramHeader(const PeerAddress& from, SocksBuffer& out);

}  // namespace millrace
