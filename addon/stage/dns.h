// The matcher `dns`: whether the datagram, or what a stream begins with after its length (RFC 7766 section 8), is a DNS query with one question (RFC 1035
// section 4.1). Owns nothing.
#pragma once

#include "stage/matcher.h"

namespace millrace {

class DnsMatcher final : public Matcher {
 public:
  Match match(const MatchInput& input) const override;
};

}  // namespace millrace
