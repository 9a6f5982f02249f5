// An address as a text, and as a path.
#include <string>

#include "core/address.h"
#include "properties.h"

using namespace millrace;

namespace {

/// What is left uninitialised shall not happen to be zero.
[[gnu::noinline]] void dirtyStack() {
  volatile uint8_t rubbish[2048];
  for (volatile uint8_t& byte : rubbish) byte = 0xa5;
}

}  // namespace

void fuzz(Input input) {
  dirtyStack();
  SocketAddress ip, again, path;
  const bool parsed = exactly(input, [&](Input bytes) { return SocketAddress::parseIp(textOf(bytes), 443, ip); });
  hold(parsed == (ip.family() == AF_INET || ip.family() == AF_INET6), "what is no address leaves the object empty");
  if (parsed) {
    hold(ip.port() == 443 && textOf(input).find('\0') == std::string_view::npos, "an address is all of its text");
    hold(SocketAddress::parseIp(ip.host(), 443, again) && again.host() == ip.host() && again.peer() == ip.peer(), "what was read can be written and read again");
  }
  const bool named = exactly(input, [&](Input bytes) { return SocketAddress::fromPath(textOf(bytes), path); });
  hold(named == path.isUnix() && (!named || path.length() <= sizeof(sockaddr_un)), "a path that is too long is none");
  if (named && textOf(input).find('\0') == std::string_view::npos) hold(path.host() == textOf(input), "a path is read as it was written");
}
