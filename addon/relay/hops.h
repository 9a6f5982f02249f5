// The client side of proxies' handshakes (internal): phase `negotiating`, in which every proxy on the way is asked, one through the other, to connect to the next. One loop's
// thread only, all under the deadline of the dial. An answer is looked at before it is taken, so that what a server says first, right behind it, is left in the socket.
// Invariant: exactly the bytes of the proxies' answers have been read when bytes may flow.
#pragma once
#include "relay/context.h"

namespace millrace {

/// The first proxy is connected.
void beginHops(Context& c, Session& s);
/// Phase negotiating: the upstream side has bytes, or an end.
void hopReady(Context& c, Session& s);

}  // namespace millrace
