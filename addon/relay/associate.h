// UDP ASSOCIATE of SOCKS5 (RFC 1928 section 7) in the life of a session (internal): datagrams from the client lose their header and leave for where it says, those that come back get one. One loop's
// thread only. Every destination is held against the rules of the node, as a connection would be, and what was checked is where it goes. A fragment is dropped; so is what the kernel
// refuses, with a reason: nothing waits but for a name that is being looked up.
// Invariant: each datagram of the client's and of its contacts is counted as sent or as dropped with a reason.
#pragma once
#include "relay/context.h"

namespace millrace {

/// At a `destination` node, where the client has asked for it: it is told where to send, or that it cannot have it.
void associate(Context& c, Session& s);
/// What a lookup has found for datagrams of the session.
void lookedUpForDatagrams(Context& c, Session& s, const std::string& name, std::span<const PeerAddress> addresses);
/// With the session.
void endAssociation(Context& c, Session& s);

/// Of all associations of a loop.
class AssociationEvents final : public EventHandler {
 public:
  AssociationEvents(Context& context, bool inside) : c_(context), inside_(inside) {}
  void onReady(Token token, unsigned side, uint32_t events) override;

 private:
  Context& c_;
  const bool inside_;
};

}  // namespace millrace
