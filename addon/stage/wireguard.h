// The matcher `wireguard`: whether the datagram has the type, the reserved zeros and the length of a WireGuard message, of data at least 32 bytes (the protocol's paper, section 5.4): so every
// datagram of a tunnel is told from others by itself. Owns nothing.
#pragma once

#include "stage/matcher.h"

namespace millrace {

class WireguardMatcher final : public Matcher {
 public:
  Match match(const MatchInput& input) const override {
    const auto bytes = input.head;
    if (!input.datagram || bytes.size() < 32 || bytes[1] || bytes[2] || bytes[3]) return Match::no;
    switch (bytes[0]) {
      case 1: return bytes.size() == 148 ? Match::yes : Match::no;      // handshake initiation
      case 2: return bytes.size() == 92 ? Match::yes : Match::no;       // handshake response
      case 3: return bytes.size() == 64 ? Match::yes : Match::no;       // cookie reply
      case 4: return Match::yes;                                        // transport data: padded to 16 bytes, but not beyond the MTU of the tunnel
      default: return Match::no;
    }
  }
};

}  // namespace millrace
