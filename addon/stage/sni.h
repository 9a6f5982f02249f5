// The matcher `sni`: whether the TLS ClientHello in the head asks for one of the names (RFC 6066 section 3).
// Owns the names, lower-cased. Filled with `add`, which returns false for what is not a name or `*.name`, then read-only.
// `*.b.example` stands for exactly one label, as in certificates (RFC 6125 section 6.4.3): x.b.example, but neither b.example
// nor x.y.b.example. Case and one trailing dot are ignored. What is not TLS, is malformed or names no server is `no`.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "stage/matcher.h"

namespace millrace {

class SniMatcher final : public Matcher {
 public:
  bool add(std::string_view name);

  Match match(const MatchInput& input) const override;

 private:
  std::vector<std::string> names_;      // ascending
  std::vector<std::string> wildcards_;  // ascending, what follows the "*."
};

}  // namespace millrace
