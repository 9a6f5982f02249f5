// The matcher `silent`, and `mysql`: whether the downstream has sent nothing for so long, as who waits for the server to speak first. Whoever asks it watches the clock
// (Matcher::silentMs); the first byte, or the end, makes it `no`. Owns nothing.
#pragma once

#include "stage/matcher.h"

namespace millrace {

class SilentMatcher final : public Matcher {
 public:
  explicit SilentMatcher(uint32_t afterMs) : afterMs_(afterMs) {}

  Match match(const MatchInput& input) const override { return input.head.empty() ? input.cut() : Match::no; }
  uint32_t silentMs() const override { return afterMs_; }

 private:
  const uint32_t afterMs_;
};

}  // namespace millrace
