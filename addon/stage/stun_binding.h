// The matcher `stunBinding`: whether the head begins with the header of a STUN Binding request (RFC 8489 section 5). A datagram has to be one
// request and nothing else. `no` at the first byte that differs, so what is not STUN does not wait. Owns nothing.
#pragma once

#include <algorithm>

#include "stage/matcher.h"
#include "stage/stun.h"

namespace millrace {

class StunBindingMatcher final : public Matcher {
 public:
  Match match(const MatchInput& input) const override {
    static constexpr uint8_t bindingRequest[2] = {0x00, 0x01};
    const auto head = input.head;
    if (!std::equal(head.begin(), head.begin() + std::min(head.size(), sizeof bindingRequest), bindingRequest)) return Match::no;
    const int length = stunMessageLength(head, false);
    if (length == 0) return input.final ? Match::no : Match::more;
    return length < 0 || (input.datagram && size_t(length) != head.size()) ? Match::no : Match::yes;
  }
};

}  // namespace millrace
