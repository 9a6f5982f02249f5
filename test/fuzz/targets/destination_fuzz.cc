// What a client names as a host: an address in its strict form, a name, or nothing.
#include <arpa/inet.h>

#include <algorithm>
#include <string>

#include "properties.h"
#include "stage/destination.h"

using namespace millrace;

namespace {

bool isHostByte(char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.'; }
bool isDigit(char c) { return c >= '0' && c <= '9'; }

/// A name is what no resolver takes for a number.
void nameHolds(std::string_view name) {
  hold(name.size() <= 255 && std::all_of(name.begin(), name.end(), isHostByte) && !name.ends_with('.') && !name.starts_with('.'), "a name is lower-case labels");
  hold(name.find("..") == std::string_view::npos, "and none of them is empty");
  const std::string_view last = name.substr(name.rfind('.') + 1);
  hold(!std::all_of(last.begin(), last.end(), isDigit), "the last is no number");
  in_addr four;
  hold(::inet_aton(std::string(name).c_str(), &four) == 0, "nor is the whole one for inet_aton(3)");
}

}  // namespace

void fuzz(Input input) {
  if (input.size() < 2) return;
  const auto port = uint16_t(input[0] << 8 | input[1]);
  const Input host = input.subspan(2);
  const auto destination = exactly(host, [&](Input bytes) { return Destination::of(textOf(bytes), port); });
  const uint16_t number = exactly(host, [](Input bytes) { return readPort(textOf(bytes)); });
  hold(number == 0 || textOf(host) == std::to_string(number), "a port is written in one way");
  if (!destination) return;
  hold(port != 0 && destination->port() == port, "there is a port");
  hold(destination->isName() == (destination->address().family == 0), "it is an address or a name");
  if (destination->isName()) {
    nameHolds(destination->name());
    hold(Destination::of(destination->name(), port) == destination, "a name in its usual form stays as it is");
    return;
  }
  const PeerAddress& address = destination->address();
  char text[INET6_ADDRSTRLEN];
  ::inet_ntop(address.family == 4 ? AF_INET : AF_INET6, address.ip, text, sizeof text);
  hold(Destination::of(text, port) == destination && Destination::of(address) == destination, "an address in its usual form is that address");
}
