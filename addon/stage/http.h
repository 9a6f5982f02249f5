// The matcher `http`: whether the head begins with the request line of HTTP/1, or with the preface of HTTP/2 where a client knows that it may (RFC 9113 section 3.3).
// Owns nothing.
#pragma once

#include "stage/matcher.h"

namespace millrace {

class HttpMatcher final : public Matcher {
 public:
  /// Which of the two count.
  HttpMatcher(bool http1, bool http2) : http1_(http1), http2_(http2) {}

  Match match(const MatchInput& input) const override {
    switch (input.http.line(input.head).state) {
      case HttpState::more: return input.cut();
      case HttpState::http1: return http1_ ? Match::yes : Match::no;
      case HttpState::http2: return http2_ ? Match::yes : Match::no;
      default: return Match::no;
    }
  }

 private:
  const bool http1_, http2_;
};

}  // namespace millrace
