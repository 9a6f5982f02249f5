// The address of a peer as 20 plain bytes: the key of limits and flows and the input of address matchers.
// Owns nothing; a value, any thread. `from` never fails: what it cannot read is family 0, which no CIDR contains.
// Invariant: an IPv4-mapped IPv6 address (::ffff:a.b.c.d, what a dual-stack listener reports) is always family 4, and bytes a
// family does not use are zero, so equal peers are equal bytes. The scope of an IPv6 link-local address is not kept.
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>

#include <cstdint>
#include <cstring>
#include <type_traits>

namespace millrace {

struct PeerAddress {
  uint8_t family = 0;   // 0 none, 1 unix, 4, 6
  uint8_t zero = 0;
  uint8_t port[2] = {}; // network order
  uint8_t ip[16] = {};  // v4 in the first four bytes; never ::ffff:a.b.c.d

  static PeerAddress from(const sockaddr* address, socklen_t length);

  bool operator==(const PeerAddress&) const = default;

  bool sameAddress(const PeerAddress& other) const {
    return family == other.family && std::memcmp(ip, other.ip, sizeof ip) == 0;
  }

  /// 127.0.0.0/8 or ::1.
  bool isLoopback() const {
    static constexpr uint8_t one[16] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};
    return family == 4 ? ip[0] == 127 : family == 6 && std::memcmp(ip, one, sizeof one) == 0;
  }

  uint16_t portNumber() const { return static_cast<uint16_t>(port[0] << 8 | port[1]); }

  // Peers choose their addresses and ports, so `seed` should be random and secret.
  uint64_t hashWithoutPort(uint64_t seed) const { return mix(seed, family); }
  uint64_t hashWithPort(uint64_t seed) const { return mix(seed, uint64_t{family} | uint64_t{portNumber()} << 8); }

 private:
  static uint64_t fold(uint64_t a, uint64_t b) {
    const auto product = static_cast<unsigned __int128>(a) * b;
    return static_cast<uint64_t>(product) ^ static_cast<uint64_t>(product >> 64);
  }

  // Multiply and fold, with the constants of wyhash.
  uint64_t mix(uint64_t seed, uint64_t rest) const {
    uint64_t low, high;
    std::memcpy(&low, ip, 8);
    std::memcpy(&high, ip + 8, 8);
    const uint64_t key = fold(seed ^ 0xa0761d6478bd642full, 0xe7037ed1a0b428dbull);
    const uint64_t body = fold(low ^ key, high ^ seed ^ 0x8ebc6af09c88c6e3ull);
    return fold(body ^ rest ^ 0x589965cc75374cc3ull, key ^ low ^ 0x1d8e4e27c47d124full);
  }
};

static_assert(sizeof(PeerAddress) == 20 && std::is_trivially_copyable_v<PeerAddress>);

inline PeerAddress PeerAddress::from(const sockaddr* address, socklen_t length) {
  PeerAddress peer;
  if (address == nullptr || length < sizeof(sa_family_t)) return peer;
  sa_family_t kind;
  std::memcpy(&kind, address, sizeof kind);
  if (kind == AF_UNIX) {
    peer.family = 1;
  } else if (kind == AF_INET && length >= sizeof(sockaddr_in)) {
    sockaddr_in in;
    std::memcpy(&in, address, sizeof in);
    peer.family = 4;
    std::memcpy(peer.port, &in.sin_port, 2);
    std::memcpy(peer.ip, &in.sin_addr, 4);
  } else if (kind == AF_INET6 && length >= sizeof(sockaddr_in6)) {
    sockaddr_in6 in;
    std::memcpy(&in, address, sizeof in);
    std::memcpy(peer.port, &in.sin6_port, 2);
    if (IN6_IS_ADDR_V4MAPPED(&in.sin6_addr)) {
      peer.family = 4;
      std::memcpy(peer.ip, in.sin6_addr.s6_addr + 12, 4);
    } else {
      peer.family = 6;
      std::memcpy(peer.ip, &in.sin6_addr, 16);
    }
  }
  return peer;
}

}  // namespace millrace
