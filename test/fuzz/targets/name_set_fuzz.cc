// Lines: all but the last are names to add, the last is one that a client asks for.
#include <string>

#include "properties.h"
#include "stage/client_hello.h"
#include "stage/name_set.h"

using namespace millrace;

namespace {

/// As it is compared: lower-case, without a trailing dot; empty: no name.
std::string normal(std::string_view text) {
  std::string name(text);
  name.resize(normalizeHostName(name));
  return name;
}

}  // namespace

void fuzz(Input input) {
  std::string_view rest = textOf(input);
  NameSet set;
  std::vector<std::string> names, wildcards;
  for (size_t end = rest.find('\n'); end != std::string_view::npos; end = rest.find('\n')) {
    const std::string_view line = rest.substr(0, end);
    rest.remove_prefix(end + 1);
    const bool wildcard = line.starts_with("*.");
    const std::string name = normal(line.substr(wildcard ? 2 : 0));
    hold(set.add(line) == !name.empty(), "what is a name is taken, and nothing else");
    if (name.empty()) continue;
    hold(normal(name) == name && normal(name + ".") == name && name.size() <= 255, "what was made of a name stays as it is");
    hold(set.contains(wildcard ? "x." + name : name), "what was added is there");
    (wildcard ? wildcards : names).push_back(name);
  }
  const auto among = [](const std::vector<std::string>& list, std::string_view name) { return std::find(list.begin(), list.end(), name) != list.end(); };
  const std::string asked = normal(rest);
  const size_t dot = asked.find('.');
  hold(set.contains(asked) == (among(names, asked) || (dot != std::string::npos && among(wildcards, asked.substr(dot + 1)))), "a star is one label");
  exactly(input, [&](Input bytes) { return set.contains(textOf(bytes)); });
}
