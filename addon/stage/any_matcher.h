// The matcher `any`: yes if one says yes, else `more` if one needs more, else no. Of none: no.
// Owns its children, none of them null.
#pragma once

#include <algorithm>
#include <utility>
#include <vector>

#include "stage/matcher.h"

namespace millrace {

class AnyMatcher final : public Matcher {
 public:
  explicit AnyMatcher(std::vector<MatcherPtr> matchers) : matchers_(std::move(matchers)) {}

  Match match(const MatchInput& input) const override {
    Match result = Match::no;
    for (const MatcherPtr& matcher : matchers_) {
      const Match one = matcher->match(input);
      if (one == Match::yes) return Match::yes;
      if (one == Match::more) result = Match::more;
    }
    return result;
  }
  bool readsHead() const override {
    return std::any_of(matchers_.begin(), matchers_.end(), [](const MatcherPtr& matcher) { return matcher->readsHead(); });
  }
  bool beginsFlow() const override {
    return std::any_of(matchers_.begin(), matchers_.end(), [](const MatcherPtr& matcher) { return matcher->beginsFlow(); });
  }
  uint32_t silentMs() const override { return leastSilentMs(matchers_); }

 private:
  std::vector<MatcherPtr> matchers_;
};

}  // namespace millrace
