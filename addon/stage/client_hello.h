// Reads the server name and the protocols of ALPN out of a TLS ClientHello that may be spread over TCP segments and TLS records (RFC 8446 sections 4.1.2
// and 5.1, RFC 6066 section 3). Pure, any thread: called with the whole head from its start, as often as it grows.
// `more` while the hello is not complete and nothing in it is wrong so far: a length is judged when it is there, a name when it is
// whole. A name is given only with the complete hello, so that what a server would refuse (a second server_name, say) is not routed.
// Invariant: no length is believed before it is checked against what encloses it, and nothing past the hello is read.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace millrace {

struct ClientHello {
  enum class State : uint8_t { more, notTls, malformed, noSni, badSni, sni };  // badSni: it names what is no host name, an IP address say
  State state;
  std::string_view name;  // with `sni`: in the caller's buffer, lower-case, without trailing dot
  /// With `sni`, `badSni` and `noSni`: those that ALPN offers (RFC 7301), each behind its length, as far as they fit into the caller's buffer.
  std::string_view protocols = {};
};

ClientHello readClientHello(std::span<const uint8_t> head, std::span<char, 256> nameBuffer, std::span<char, 256> protocolBuffer);

// Reads a head once, however many matchers ask: a peer can make one reading cost 20 us, with records of one byte.
class ClientHelloMemo {
 public:
  ClientHelloMemo() {}  // its buffers are not worth clearing
  ClientHelloMemo(const ClientHelloMemo&) = delete;
  ClientHelloMemo& operator=(const ClientHelloMemo&) = delete;

  const ClientHello& of(std::span<const uint8_t> head) {
    if (!hello_) hello_ = readClientHello(head, name_, protocols_);
    return *hello_;
  }

 private:
  std::optional<ClientHello> hello_;
  char name_[256], protocols_[256];
};

// Lower-cases a host name in place and returns its length without a trailing dot, or 0 if it is none: 1 to 255 bytes, labels of
// 1 to 63 letters, digits, hyphens and underscores, and not an IP address (a last label of digits only is one).
size_t normalizeHostName(std::span<char> name);

}  // namespace millrace
