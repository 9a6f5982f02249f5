// Dialling where a client has asked for (internal). One loop's thread only. A name is looked up by JS, off the loop; what it finds is held against the rules, and exactly that is dialled:
// there is no second lookup. One address that is not admitted refuses all of them, since the client does not say which it wants.
#pragma once
#include "relay/context.h"

namespace millrace {

/// At a `destination` node, with Head::asked.
void dialAsked(Context& c, Session& s);
/// What a lookup has found: nothing, where the name has no address. An id whose session no longer waits is ignored.
void lookedUp(Context& c, double id, const std::string& name, std::span<const SocketAddress> addresses);

}  // namespace millrace
