// Lines: all but the last are networks, the last is an address that is asked for.
#include <arpa/inet.h>

#include <string>

#include "core/cidr.h"
#include "properties.h"

using namespace millrace;

namespace {

PeerAddress peerOf(const Cidr& cidr) {
  PeerAddress peer{.family = cidr.family};
  std::memcpy(peer.ip, cidr.ip, sizeof peer.ip);
  return peer;
}

bool bitOf(const uint8_t* ip, unsigned bit) { return ip[bit / 8] >> (7 - bit % 8) & 1; }

bool within(const Cidr& cidr, const PeerAddress& peer) {
  if (cidr.family != peer.family) return false;
  for (unsigned bit = 0; bit < cidr.prefix; ++bit) {
    if (bitOf(cidr.ip, bit) != bitOf(peer.ip, bit)) return false;
  }
  return true;
}

/// The peer with one bit turned.
PeerAddress turned(PeerAddress peer, unsigned bit) {
  peer.ip[bit / 8] = uint8_t(peer.ip[bit / 8] ^ 1 << (7 - bit % 8));
  return peer;
}

}  // namespace

void fuzz(Input input) {
  std::string_view rest = textOf(input);
  CidrSet set;
  std::vector<Cidr> networks;
  const auto parse = [](std::string_view text, Cidr& cidr) { return exactly({reinterpret_cast<const uint8_t*>(text.data()), text.size()}, [&](Input bytes) { return CidrSet::parse(textOf(bytes), cidr); }); };
  for (size_t end = rest.find('\n'); end != std::string_view::npos; end = rest.find('\n')) {
    Cidr cidr;
    if (parse(rest.substr(0, end), cidr)) {
      hold((cidr.family == 4 && cidr.prefix <= 32) || (cidr.family == 6 && cidr.prefix <= 128), "a prefix is within its family");
      char text[INET6_ADDRSTRLEN];
      inet_ntop(cidr.family == 4 ? AF_INET : AF_INET6, cidr.ip, text, sizeof text);
      Cidr again;
      hold(parse(std::string(text) + "/" + std::to_string(cidr.prefix), again) && again.family == cidr.family && again.prefix == cidr.prefix && std::memcmp(again.ip, cidr.ip, sizeof cidr.ip) == 0,
           "what was read can be written and read again");
      set.add(cidr);
      networks.push_back(cidr);
    }
    rest.remove_prefix(end + 1);
  }
  set.seal();
  const auto isThere = [&](const PeerAddress& peer) {
    const bool expected = std::any_of(networks.begin(), networks.end(), [&](const Cidr& cidr) { return within(cidr, peer); });
    hold(set.contains(peer) == expected, "an address is in the set where it is in one of the networks");
  };
  for (const Cidr& cidr : networks) {
    isThere(peerOf(cidr));
    for (unsigned bit = 0; bit < (cidr.family == 4 ? 32u : 128u); ++bit) isThere(turned(peerOf(cidr), bit));
  }
  Cidr asked;
  if (parse(rest, asked)) isThere(peerOf(asked));
  hold(!set.contains(PeerAddress{.family = 1}), "a Unix peer is in no set");
}
