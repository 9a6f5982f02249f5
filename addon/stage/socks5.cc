#include "stage/socks5.h"

#include <algorithm>
#include <cstring>

namespace millrace {
namespace {

constexpr uint8_t version = 5, loginVersion = 1;
constexpr uint8_t typeIp4 = 1, typeName = 3, typeIp6 = 4;

std::string_view textOf(std::span<const uint8_t> bytes) { return {reinterpret_cast<const char*>(bytes.data()), bytes.size()}; }

SocksAddress unknownType() {
  SocksAddress it{SocksState::malformed};
  it.unknownType = true;
  return it;
}

/// From the address type on.
SocksAddress readAddress(std::span<const uint8_t> from) {
  if (from.empty()) return {SocksState::more};
  const uint8_t type = from[0];
  size_t begins = 1, size = 0;
  if (type == typeIp4) {
    size = 4;
  } else if (type == typeIp6) {
    size = 16;
  } else if (type != typeName) {
    return unknownType();
  } else {
    if (from.size() < 2) return {SocksState::more};
    begins = 2;
    size = from[1];
    if (size == 0) return {SocksState::malformed};
  }
  const size_t bytes = begins + size + 2;
  if (from.size() < bytes) return {SocksState::more};
  SocksAddress it{SocksState::whole, bytes};
  const auto host = from.subspan(begins, size);
  if (type == typeIp4) {
    it.address.family = 4;
    std::copy(host.begin(), host.end(), it.address.ip);
  } else if (type == typeIp6) {
    sockaddr_in6 six{};
    six.sin6_family = AF_INET6;
    std::copy(host.begin(), host.end(), six.sin6_addr.s6_addr);
    it.address = PeerAddress::from(reinterpret_cast<const sockaddr*>(&six), sizeof six);  // mapped ones are IPv4
  } else {
    it.name = textOf(host);
  }
  std::memcpy(it.address.port, &from[bytes - 2], 2);
  return it;
}

struct Writer {
  SocksBuffer& out;
  size_t size = 0;

  void byte(uint8_t value) { out[size++] = value; }
  void bytes(const void* from, size_t count) {
    std::memcpy(&out[size], from, count);
    size += count;
  }
  void text(std::string_view value) {
    byte(uint8_t(value.size()));
    bytes(value.data(), value.size());
  }
  void address(const PeerAddress& it) {
    const bool six = it.family == 6;
    byte(six ? typeIp6 : typeIp4);
    bytes(it.ip, six ? 16 : 4);
    bytes(it.port, 2);
  }
  std::span<const uint8_t> done() const { return std::span(out).first(size); }
};

SocksChoice readChoice(std::span<const uint8_t> from, uint8_t expected) {
  if (!from.empty() && from[0] != expected) return {SocksState::malformed};
  if (from.size() < 2) return {SocksState::more};
  return {SocksState::whole, from[1]};
}

}  // namespace

SocksGreeting readSocksGreeting(std::span<const uint8_t> from) {
  if (!from.empty() && from[0] != version) return {SocksState::malformed};
  if (from.size() < 2) return {SocksState::more};
  const size_t bytes = 2 + size_t(from[1]);
  if (from[1] == 0) return {SocksState::malformed};
  if (from.size() < bytes) return {SocksState::more};
  const auto methods = from.subspan(2, from[1]);
  const auto has = [&](uint8_t method) { return std::find(methods.begin(), methods.end(), method) != methods.end(); };
  return {SocksState::whole, bytes, has(socks::noLogin), has(socks::login)};
}

SocksLogin readSocksLogin(std::span<const uint8_t> from) {
  if (!from.empty() && from[0] != loginVersion) return {SocksState::malformed};
  if (from.size() < 2) return {SocksState::more};
  const size_t name = from[1];
  if (name == 0) return {SocksState::malformed};
  if (from.size() < 3 + name) return {SocksState::more};
  const size_t password = from[2 + name];
  const size_t bytes = 3 + name + password;
  if (from.size() < bytes) return {SocksState::more};
  return {SocksState::whole, bytes, textOf(from.subspan(2, name)), textOf(from.subspan(3 + name, password))};
}

SocksCall readSocksCall(std::span<const uint8_t> from) {
  if (!from.empty() && from[0] != version) return {SocksState::malformed};
  if (from.size() > 2 && from[2] != 0) return {SocksState::malformed};
  if (from.size() < 4) return {SocksState::more};
  const SocksAddress at = readAddress(from.subspan(3));
  return {at.state, at.state == SocksState::whole ? 3 + at.bytes : 0, from[1], at};
}

SocksDatagram readSocksDatagram(std::span<const uint8_t> from) {
  if (from.size() < 4 || from[0] != 0 || from[1] != 0 || from[2] != 0) return {SocksState::malformed};
  const SocksAddress at = readAddress(from.subspan(3));
  if (at.state != SocksState::whole) return {SocksState::malformed};
  return {SocksState::whole, 3 + at.bytes, at};
}

SocksChoice readSocksMethod(std::span<const uint8_t> from) { return readChoice(from, version); }
SocksChoice readSocksLoginAnswer(std::span<const uint8_t> from) { return readChoice(from, loginVersion); }

std::span<const uint8_t> writeSocksGreeting(bool login, SocksBuffer& out) {
  Writer to{out};
  to.byte(version);
  to.byte(login ? 2 : 1);
  to.byte(socks::noLogin);
  if (login) to.byte(socks::login);
  return to.done();
}

std::span<const uint8_t> writeSocksMethod(uint8_t method, SocksBuffer& out) {
  Writer to{out};
  to.byte(version);
  to.byte(method);
  return to.done();
}

std::span<const uint8_t> writeSocksLogin(std::string_view name, std::string_view password, SocksBuffer& out) {
  Writer to{out};
  to.byte(loginVersion);
  to.text(name);
  to.text(password);
  return to.done();
}

std::span<const uint8_t> writeSocksLoginAnswer(bool accepted, SocksBuffer& out) {
  Writer to{out};
  to.byte(loginVersion);
  to.byte(accepted ? 0 : 1);
  return to.done();
}

std::span<const uint8_t> writeSocksRequest(uint8_t command, const Destination& destination, SocksBuffer& out) {
  Writer to{out};
  to.byte(version);
  to.byte(command);
  to.byte(0);
  if (destination.isName()) {
    to.byte(typeName);
    to.text(destination.name());
    to.bytes(destination.address().port, 2);
  } else {
    to.address(destination.address());
  }
  return to.done();
}

std::span<const uint8_t> writeSocksReply(uint8_t code, const PeerAddress& bound, SocksBuffer& out) {
  Writer to{out};
  to.byte(version);
  to.byte(code);
  to.byte(0);
  to.address(bound);
  return to.done();
}

std::span<const uint8_t> writeSocksDatagramHeader(const PeerAddress& from, SocksBuffer& out) {
  Writer to{out};
  to.byte(0);
  to.byte(0);
  to.byte(0);
  to.address(from);
  return to.done();
}

}  // namespace millrace
