// The matcher `alpn`: whether the TLS ClientHello in the head offers one of the protocols (RFC 7301 section 3.1), among others or alone. Compared byte by byte;
// what stands beyond the first 256 bytes of the list is not looked at. Owns the protocols.
#pragma once

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "stage/matcher.h"

namespace millrace {

class AlpnMatcher final : public Matcher {
 public:
  explicit AlpnMatcher(std::vector<std::string> protocols) : protocols_(std::move(protocols)) {}

  Match match(const MatchInput& input) const override {
    const ClientHello& hello = input.hello.of(input.head);
    if (hello.state == ClientHello::State::more) return input.cut();
    std::string_view list = hello.protocols;  // none where it is no hello
    while (!list.empty()) {
      const size_t length = uint8_t(list[0]);
      const std::string_view one = list.substr(1, length);
      if (std::find(protocols_.begin(), protocols_.end(), one) != protocols_.end()) return Match::yes;
      list.remove_prefix(1 + length);
    }
    return Match::no;
  }

 private:
  std::vector<std::string> protocols_;
};

}  // namespace millrace
