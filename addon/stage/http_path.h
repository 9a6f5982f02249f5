// The matcher `httpPath`: whether the HTTP/1 request in the head asks for one of the paths, or for one that begins like those that end with a star. Compared byte
// by byte, as it was sent, without the query. Decided when the request line is there. HTTP/2 is `no`. Owns the paths.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "stage/matcher.h"

namespace millrace {

class HttpPathMatcher final : public Matcher {
 public:
  explicit HttpPathMatcher(std::vector<std::string> paths) : paths_(std::move(paths)) {}

  Match match(const MatchInput& input) const override {
    const HttpRequestLine& line = input.http.line(input.head);
    if (line.state == HttpState::more) return input.cut();
    if (line.state != HttpState::http1) return Match::no;
    const std::string_view path = line.path();
    const auto fits = [&](std::string_view one) { return one.ends_with('*') ? path.starts_with(one.substr(0, one.size() - 1)) : path == one; };
    return !path.empty() && std::any_of(paths_.begin(), paths_.end(), fits) ? Match::yes : Match::no;
  }

 private:
  std::vector<std::string> paths_;
};

}  // namespace millrace
