// The matcher `ssh`: whether the head begins with a client's identification, "SSH-" and a digit (RFC 4253 section 4.2). Owns nothing.
#pragma once

#include <algorithm>
#include <string_view>

#include "stage/matcher.h"

namespace millrace {

class SshMatcher final : public Matcher {
 public:
  Match match(const MatchInput& input) const override {
    constexpr std::string_view begins = "SSH-";
    const size_t there = std::min(begins.size(), input.head.size());
    if (!std::equal(begins.begin(), begins.begin() + ptrdiff_t(there), input.head.begin())) return Match::no;
    if (input.head.size() <= begins.size()) return input.cut();
    const uint8_t version = input.head[begins.size()];
    return version >= '0' && version <= '9' ? Match::yes : Match::no;
  }
};

}  // namespace millrace
