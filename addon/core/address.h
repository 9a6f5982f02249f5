// SocketAddress: an address to bind, to connect or to send to (internal). A value type, any thread; IPv4 or IPv6 and a port, or a Unix path.
// Names never get here: `lib` resolves them. Parsing returns false and leaves the object empty.
#pragma once
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cstring>
#include <string>
#include <string_view>

#include "core/peer_address.h"

namespace millrace {

class SocketAddress {
 public:
  /// All bytes are zero: an initialiser would clear the first member of the union alone, and leave a path without an end and an IPv6 address with a scope.
  SocketAddress() { std::memset(&storage_, 0, sizeof storage_); }

  /// An IP literal without brackets (a scope such as fe80::1%eth0 is understood) and a port.
  static bool parseIp(std::string_view literal, uint16_t port, SocketAddress& out);
  /// A path, or an abstract name where it begins with '@'.
  static bool fromPath(std::string_view path, SocketAddress& out);
  /// Where a peer is reached over a socket of `family`: over one of AF_INET6 an IPv4 peer is IPv4-mapped. `scope` is that of a link-local
  /// IPv6 address, which a PeerAddress does not keep.
  static SocketAddress of(const PeerAddress& peer, int family, uint32_t scope = 0);
  /// Where a peer is reached over a socket of its own family.
  static SocketAddress of(const PeerAddress& peer) { return of(peer, peer.family == 4 ? AF_INET : AF_INET6); }

  const sockaddr* get() const { return &storage_.any; }
  socklen_t length() const { return length_; }
  int family() const { return storage_.any.sa_family; }
  bool isUnix() const { return family() == AF_UNIX; }
  uint16_t port() const;
  void setPort(uint16_t port);
  /// The interface of a link-local IPv6 address; else 0.
  uint32_t scope() const { return family() == AF_INET6 ? storage_.v6.sin6_scope_id : 0; }
  std::string host() const;
  PeerAddress peer() const { return PeerAddress::from(get(), length_); }
  /// What the kernel bound `fd` to.
  static SocketAddress boundTo(int fd);

 private:
  union {
    sockaddr any;
    sockaddr_in v4;
    sockaddr_in6 v6;
    sockaddr_un un;
  } storage_;
  socklen_t length_ = 0;
};

}  // namespace millrace
