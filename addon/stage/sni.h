// The matcher `sni`: whether the TLS ClientHello in the head asks for one of the names (RFC 6066 section 3). Case and one trailing dot are ignored.
// What is not TLS, is malformed or names no server is `no`. Owns the names.
#pragma once

#include <utility>

#include "stage/matcher.h"
#include "stage/name_set.h"

namespace millrace {

class SniMatcher final : public Matcher {
 public:
  explicit SniMatcher(NameSet names) : names_(std::move(names)) {}

  Match match(const MatchInput& input) const override {
    const ClientHello& hello = input.hello.of(input.head);
    if (hello.state == ClientHello::State::more) return input.cut();
    return hello.state == ClientHello::State::sni && names_.contains(hello.name) ? Match::yes : Match::no;
  }

 private:
  NameSet names_;
};

}  // namespace millrace
