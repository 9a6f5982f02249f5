// The matcher `proxyHeader`: whether the head, or the datagram, begins like a header of the PROXY protocol, version 1 ("PROXY ") or 2 (its 12 bytes). Whether the rest is one is
// for whoever reads it to say. Owns nothing.
#pragma once

#include "stage/matcher.h"
#include "stage/proxy_protocol.h"

namespace millrace {

class ProxyHeaderMatcher final : public Matcher {
 public:
  Match match(const MatchInput& input) const override {
    switch (proxyStart(input.head)) {
      case ProxyStart::none: return Match::no;
      case ProxyStart::cut: return input.cut();
      default: return Match::yes;
    }
  }
};

}  // namespace millrace
