#include "stage/sni.h"

#include <algorithm>

#include "stage/client_hello.h"

namespace millrace {
namespace {

void insert(std::vector<std::string>& names, std::string name) {
  const auto place = std::lower_bound(names.begin(), names.end(), name);
  if (place == names.end() || *place != name) names.insert(place, std::move(name));
}

bool contains(const std::vector<std::string>& names, std::string_view name) {
  const auto place = std::lower_bound(names.begin(), names.end(), name);
  return place != names.end() && *place == name;
}

}  // namespace

bool SniMatcher::add(std::string_view name) {
  const bool wildcard = name.starts_with("*.");
  std::string text(name.substr(wildcard ? 2 : 0));
  text.resize(normalizeHostName(text));
  if (text.empty()) return false;
  insert(wildcard ? wildcards_ : names_, std::move(text));
  return true;
}

Match SniMatcher::match(const MatchInput& input) const {
  const ClientHello& hello = input.hello.of(input.head);
  if (hello.state == ClientHello::State::more && !input.final) return Match::more;
  if (hello.state != ClientHello::State::sni) return Match::no;
  if (contains(names_, hello.name)) return Match::yes;
  const size_t dot = hello.name.find('.');
  const bool matches = dot != std::string_view::npos && contains(wildcards_, hello.name.substr(dot + 1));
  return matches ? Match::yes : Match::no;
}

}  // namespace millrace
