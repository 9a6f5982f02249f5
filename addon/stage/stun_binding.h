// The matcher `stunBinding`: whether the head begins with the header of a STUN Binding request (RFC 8489 section 5). A datagram has to be one
// request and nothing else. `no` at the first byte that differs, so what is not STUN does not wait. Owns nothing.
#pragma once

#include <array>

#include "stage/matcher.h"
#include "stage/stun.h"

namespace millrace {

class StunBindingMatcher final : public Matcher {
 public:
  Match match(const MatchInput& input) const override {
    static constexpr std::array<uint8_t, 8> wanted = {0x00, 0x01, 0, 0, 0x21, 0x12, 0xa4, 0x42};
    const auto head = input.head;
    for (size_t i = 0; i < head.size() && i < wanted.size(); ++i) {
      const bool differs = i == 2 ? false : i == 3 ? head[i] % 4 != 0 : head[i] != wanted[i];
      if (differs) return Match::no;
    }
    if (head.size() < stunHeaderBytes) return input.final ? Match::no : Match::more;
    return input.datagram && stunHeaderBytes + size_t(head[2] << 8 | head[3]) != head.size() ? Match::no : Match::yes;
  }
};

}  // namespace millrace
