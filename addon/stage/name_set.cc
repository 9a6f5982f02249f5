#include "stage/name_set.h"

#include <algorithm>

#include "stage/client_hello.h"

namespace millrace {
namespace {

void insert(std::vector<std::string>& names, std::string name) {
  const auto place = std::lower_bound(names.begin(), names.end(), name);
  if (place == names.end() || *place != name) names.insert(place, std::move(name));
}

bool among(const std::vector<std::string>& names, std::string_view name) {
  const auto place = std::lower_bound(names.begin(), names.end(), name);
  return place != names.end() && *place == name;
}

}  // namespace

bool NameSet::add(std::string_view name) {
  const bool wildcard = name.starts_with("*.");
  std::string text(name.substr(wildcard ? 2 : 0));
  text.resize(normalizeHostName(text));
  if (text.empty()) return false;
  insert(wildcard ? wildcards_ : names_, std::move(text));
  return true;
}

bool NameSet::addAsIs(std::string_view name) {
  if (name.empty()) return false;
  insert(names_, std::string(name));
  return true;
}

bool NameSet::contains(std::string_view name) const {
  if (among(names_, name)) return true;
  const size_t dot = name.find('.');
  return dot != std::string_view::npos && among(wildcards_, name.substr(dot + 1));
}

}  // namespace millrace
