// NameSet: host names to compare with (internal). `*.b.example` stands for exactly one label, as in certificates (RFC 6125 section 6.4.3): x.b.example, but neither
// b.example nor x.y.b.example. Owns the names, lower-cased and without a trailing dot. Filled with `add`, which returns false for what is not a name or `*.name`,
// then read-only.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace millrace {

class NameSet {
 public:
  bool add(std::string_view name);
  /// One that `normalizeHostName` has made, or an IP address in its usual form.
  bool addAsIs(std::string_view name);

  /// Whether a name that is lower-case and has no trailing dot is among them.
  bool contains(std::string_view name) const;

 private:
  std::vector<std::string> names_;      // ascending
  std::vector<std::string> wildcards_;  // ascending, what follows the "*."
};

}  // namespace millrace
