// Asked: what the client of a proxy has asked for so far, and where that leads (internal). Owned by the session's head, and gone with it when relaying begins.
// Invariant: what is in `upstream` has been held against the rules of the node that dials it.
#pragma once
#include <optional>

#include "relay/upstream.h"
#include "stage/socks5.h"

namespace millrace {

enum class Dialect : uint8_t { socks5, httpConnect };

struct Asked {
  enum class Step : uint8_t { greeting, login, request };

  Dialect dialect;
  Step step = Step::greeting;
  uint8_t command = socks::connect;
  uint32_t user = 0;  // whose branch is taken
  std::optional<Destination> destination;  // of CONNECT
  PeerAddress from;                        // of UDP ASSOCIATE: where the client says that it will send from
  Upstream upstream;
};

/// A conversation with the proxies on the way to the upstream.
struct Talk {
  size_t hop = 0;
  uint8_t step = 0;              // of this hop's handshake
  std::vector<uint8_t> answer;   // as far as it has come
  size_t heard = 0;              // of this hop, in answers that were whole
};

}  // namespace millrace
