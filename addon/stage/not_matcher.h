// The matcher `not`: yes and no exchanged; what is not known stays unknown.
// Owns its child, which is not null.
#pragma once

#include <utility>

#include "stage/matcher.h"

namespace millrace {

class NotMatcher final : public Matcher {
 public:
  explicit NotMatcher(MatcherPtr matcher) : matcher_(std::move(matcher)) {}

  Match match(const MatchInput& input) const override {
    switch (matcher_->match(input)) {
      case Match::no: return Match::yes;
      case Match::yes: return Match::no;
      case Match::more: break;
    }
    return Match::more;
  }
  bool readsHead() const override { return matcher_->readsHead(); }

 private:
  MatcherPtr matcher_;
};

}  // namespace millrace
