#include "stage/destination_rules.h"

#include <algorithm>
#include <cstring>
#include <initializer_list>

namespace millrace {
namespace {

bool holds(const Cidr& network, const PeerAddress& peer) {
  if (network.family != peer.family) return false;
  const unsigned whole = network.prefix / 8, bits = network.prefix % 8;
  if (std::memcmp(network.ip, peer.ip, whole) != 0) return false;
  return bits == 0 || ((network.ip[whole] ^ peer.ip[whole]) >> (8 - bits)) == 0;
}

/// The longest prefix of those that hold it, or -1.
int longest(const std::vector<Cidr>& networks, const PeerAddress& peer) {
  int found = -1;
  for (const Cidr& network : networks) {
    if (holds(network, peer)) found = std::max<int>(found, network.prefix);
  }
  return found;
}

bool begins(const PeerAddress& six, std::initializer_list<uint8_t> prefix) { return std::equal(prefix.begin(), prefix.end(), six.ip); }

/// The IPv4 address that packets to this IPv6 address may end at; family 0: none.
PeerAddress carriedBy(const PeerAddress& six) {
  size_t at = 0;
  if (begins(six, {0x20, 0x02})) at = 2;                                                         // 6to4, RFC 3056
  else if (begins(six, {0, 0x64, 0xff, 0x9b, 0, 0, 0, 0, 0, 0, 0, 0})) at = 12;                  // NAT64, RFC 6052
  else if (begins(six, {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0})) return {};                // ::, ::1 and what follows: addresses of their own
  else if (begins(six, {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0})) at = 12;                           // IPv4-compatible, RFC 4291
  else if (begins(six, {0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0, 0})) at = 12;                     // SIIT, RFC 2765
  else if ((six.ip[8] & 0xfd) == 0 && six.ip[9] == 0 && six.ip[10] == 0x5e && six.ip[11] == 0xfe) at = 12;  // ISATAP, RFC 5214
  else return {};
  PeerAddress four;
  four.family = 4;
  std::memcpy(four.port, six.port, sizeof four.port);
  std::memcpy(four.ip, six.ip + at, 4);
  return four;
}

}  // namespace

bool DestinationRules::admitsPort(uint16_t port) const {
  if (!lists_.ports.empty()) return std::any_of(lists_.ports.begin(), lists_.ports.end(), [&](const auto& range) { return port >= range.first && port <= range.second; });
  return std::find(lists_.closedPorts.begin(), lists_.closedPorts.end(), port) == lists_.closedPorts.end();
}

DestinationRules::Answer DestinationRules::decide(const PeerAddress& to, bool carried) const {
  if (longest(lists_.deny, to) >= 0) return Answer::denied;
  const int allow = longest(lists_.allow, to);
  if (allow < longest(lists_.guard, to)) return Answer::denied;
  if (allow > 0) return Answer::allowed;
  if (allow == 0) return Answer::admitted;  // it says "all", and names nothing
  // What carries it has been allowed, or need not be.
  return carried || lists_.allow.empty() ? Answer::admitted : Answer::denied;
}

DestinationRules::Answer DestinationRules::aboutAddress(const PeerAddress& to) const {
  if (to.family != 4 && to.family != 6) return Answer::denied;
  if (to.family == 6) {
    const PeerAddress four = carriedBy(to);
    if (four.family == 4 && decide(four, true) == Answer::denied) return Answer::denied;
  }
  return decide(to, false);
}

}  // namespace millrace
