// The matcher `prefix`: whether the head begins with these bytes. `no` at the first byte that differs.
// Owns its copy of the bytes. No bytes are a prefix of everything.
#pragma once

#include <algorithm>
#include <cstring>
#include <utility>
#include <vector>

#include "stage/matcher.h"

namespace millrace {

class PrefixMatcher final : public Matcher {
 public:
  explicit PrefixMatcher(std::vector<uint8_t> bytes) : bytes_(std::move(bytes)) {}

  Match match(const MatchInput& input) const override {
    const size_t known = std::min(bytes_.size(), input.head.size());
    if (known > 0 && std::memcmp(bytes_.data(), input.head.data(), known) != 0) return Match::no;
    if (known == bytes_.size()) return Match::yes;
    return input.final ? Match::no : Match::more;
  }

 private:
  std::vector<uint8_t> bytes_;
};

}  // namespace millrace
