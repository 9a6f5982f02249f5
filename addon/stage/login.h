// Login: a name and its password, as the clients of proxies send them (internal). Comparing takes the same time whatever is wrong, so that a password cannot be found letter
// by letter. `basic` is what HTTP makes of both (RFC 7617): base64 of the name, a colon and the password.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace millrace {

struct Login {
  std::string name, password, basic;
};

/// Says how many bytes there are, and no more.
inline bool sameSecret(std::string_view given, std::string_view expected) {
  if (given.size() != expected.size()) return false;
  unsigned different = 0;
  for (size_t i = 0; i < given.size(); ++i) different |= unsigned(uint8_t(given[i]) ^ uint8_t(expected[i]));
  return different == 0;
}

/// The place of the user with this name and password, or the number of users.
inline size_t findLogin(std::span<const Login> users, std::string_view name, std::string_view password) {
  size_t found = users.size();
  for (size_t i = 0; i < users.size(); ++i) {
    const bool named = sameSecret(name, users[i].name), known = sameSecret(password, users[i].password);
    if (named & known) found = i;
  }
  return found;
}

/// The same with what HTTP says.
inline size_t findLogin(std::span<const Login> users, std::string_view basic) {
  size_t found = users.size();
  for (size_t i = 0; i < users.size(); ++i) {
    if (sameSecret(basic, users[i].basic)) found = i;
  }
  return found;
}

}  // namespace millrace
