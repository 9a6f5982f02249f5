// The matcher `tls`: whether the head begins with a TLS ClientHello, which has to be whole, with or without a server name (RFC 8446 section 4.1.2). Owns nothing.
#pragma once

#include "stage/matcher.h"

namespace millrace {

class TlsMatcher final : public Matcher {
 public:
  Match match(const MatchInput& input) const override {
    switch (input.hello.of(input.head).state) {
      case ClientHello::State::more: return input.cut();
      case ClientHello::State::noSni:
      case ClientHello::State::badSni:
      case ClientHello::State::sni: return Match::yes;
      default: return Match::no;
    }
  }
};

}  // namespace millrace
