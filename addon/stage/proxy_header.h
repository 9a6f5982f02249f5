// The matcher `proxyHeader`: whether the head, or the datagram, begins like a header of the PROXY protocol, version 1 ("PROXY ") or 2 (its 12 bytes). Whether the rest is one is
// for whoever reads it to say. Owns nothing.
#pragma once

#include <algorithm>
#include <string_view>

#include "stage/matcher.h"

namespace millrace {

class ProxyHeaderMatcher final : public Matcher {
 public:
  Match match(const MatchInput& input) const override {
    constexpr std::string_view version1("PROXY ", 6), version2("\r\n\r\n\0\r\nQUIT\n", 12);
    bool more = false;
    for (const std::string_view begins : {version1, version2}) {
      const size_t there = std::min(begins.size(), input.head.size());
      if (!std::equal(begins.begin(), begins.begin() + ptrdiff_t(there), input.head.begin(), [](char a, uint8_t b) { return uint8_t(a) == b; })) continue;
      if (there == begins.size()) return Match::yes;
      more = true;
    }
    return more ? input.cut() : Match::no;
  }
};

}  // namespace millrace
