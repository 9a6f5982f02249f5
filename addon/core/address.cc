#include "core/address.h"

#include <arpa/inet.h>
#include <net/if.h>

#include <cstddef>
#include <cstring>

namespace millrace {

bool SocketAddress::parseIp(std::string_view literal, uint16_t port, SocketAddress& out) {
  out = SocketAddress();
  if (literal.find('\0') != std::string_view::npos) return false;
  char text[64];
  const size_t percent = literal.find('%');
  const std::string_view bare = literal.substr(0, percent);
  if (bare.size() >= sizeof text) return false;
  std::memcpy(text, bare.data(), bare.size());
  text[bare.size()] = 0;
  if (inet_pton(AF_INET, text, &out.storage_.v4.sin_addr) == 1 && percent == std::string_view::npos) {
    out.storage_.v4.sin_family = AF_INET;
    out.storage_.v4.sin_port = htons(port);
    out.length_ = sizeof(sockaddr_in);
    return true;
  }
  if (inet_pton(AF_INET6, text, &out.storage_.v6.sin6_addr) == 1) {
    out.storage_.v6.sin6_family = AF_INET6;
    out.storage_.v6.sin6_port = htons(port);
    if (percent != std::string_view::npos) {
      out.storage_.v6.sin6_scope_id = if_nametoindex(std::string(literal.substr(percent + 1)).c_str());
    }
    out.length_ = sizeof(sockaddr_in6);
    return true;
  }
  out = SocketAddress();
  return false;
}

bool SocketAddress::fromPath(std::string_view path, SocketAddress& out) {
  out = SocketAddress();
  if (path.empty() || path.size() >= sizeof out.storage_.un.sun_path) return false;
  out.storage_.un.sun_family = AF_UNIX;
  std::memcpy(out.storage_.un.sun_path, path.data(), path.size());
  const bool abstract = path[0] == '@';
  if (abstract) out.storage_.un.sun_path[0] = 0;
  out.length_ = socklen_t(offsetof(sockaddr_un, sun_path) + path.size() + (abstract ? 0 : 1));
  return true;
}

SocketAddress SocketAddress::of(const PeerAddress& peer, int family, uint32_t scope) {
  SocketAddress to;
  if (family == AF_INET) {
    to.storage_.v4.sin_family = AF_INET;
    std::memcpy(&to.storage_.v4.sin_port, peer.port, 2);
    std::memcpy(&to.storage_.v4.sin_addr, peer.ip, 4);
    to.length_ = sizeof(sockaddr_in);
    return to;
  }
  to.storage_.v6.sin6_family = AF_INET6;
  std::memcpy(&to.storage_.v6.sin6_port, peer.port, 2);
  uint8_t* ip = to.storage_.v6.sin6_addr.s6_addr;
  if (peer.family == 4) {
    ip[10] = ip[11] = 0xff;
    std::memcpy(ip + 12, peer.ip, 4);
  } else {
    std::memcpy(ip, peer.ip, 16);
    to.storage_.v6.sin6_scope_id = scope;
  }
  to.length_ = sizeof(sockaddr_in6);
  return to;
}

void SocketAddress::setPort(uint16_t port) {
  if (family() == AF_INET) storage_.v4.sin_port = htons(port);
  if (family() == AF_INET6) storage_.v6.sin6_port = htons(port);
}

uint16_t SocketAddress::port() const {
  if (family() == AF_INET) return ntohs(storage_.v4.sin_port);
  if (family() == AF_INET6) return ntohs(storage_.v6.sin6_port);
  return 0;
}

std::string SocketAddress::host() const {
  char text[INET6_ADDRSTRLEN] = "";
  if (family() == AF_INET) inet_ntop(AF_INET, &storage_.v4.sin_addr, text, sizeof text);
  if (family() == AF_INET6) inet_ntop(AF_INET6, &storage_.v6.sin6_addr, text, sizeof text);
  if (isUnix()) {
    const size_t size = length_ - offsetof(sockaddr_un, sun_path);
    std::string path(storage_.un.sun_path, size);
    if (!path.empty() && path[0] == 0) path[0] = '@';
    else path = path.c_str();
    return path;
  }
  return text;
}

SocketAddress SocketAddress::boundTo(int fd) {
  SocketAddress bound;
  bound.length_ = sizeof bound.storage_;
  if (::getsockname(fd, &bound.storage_.any, &bound.length_) < 0) return SocketAddress();
  return bound;
}

}  // namespace millrace
