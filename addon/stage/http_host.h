// The matcher `httpHost`: whether the HTTP/1 request in the head is for one of the hosts, whatever the port. Decided when all its fields are there. What names no
// host, two, or something that is none, and HTTP/2, is `no`. Owns the names.
#pragma once

#include <utility>

#include "stage/matcher.h"
#include "stage/name_set.h"

namespace millrace {

class HttpHostMatcher final : public Matcher {
 public:
  explicit HttpHostMatcher(NameSet names) : names_(std::move(names)) {}

  Match match(const MatchInput& input) const override {
    const HttpHost& host = input.http.host(input.head);
    if (host.state == HttpState::more) return input.cut();
    return host.state == HttpState::http1 && !host.name.empty() && names_.contains(host.name) ? Match::yes : Match::no;
  }

 private:
  NameSet names_;
};

}  // namespace millrace
