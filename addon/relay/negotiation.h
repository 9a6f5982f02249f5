// The server side of a proxy's handshake (internal): SOCKS5 and HTTP CONNECT with the downstream, in the session's head, under the deadline of its node. One loop's thread
// only. What the client sends behind its request stays in the head and goes to the upstream.
// Invariant: a client that has been understood is told what became of its request before its session ends, and nothing follows that but the end.
#pragma once
#include "relay/context.h"

namespace millrace {

/// A `negotiate` node. Whether the walk goes on, on the branch of who has logged in; else it waits, or the session is ending.
bool negotiate(Context& c, Session& s, const Node& node);
/// What a client has been told and the kernel did not take goes on; phases before relaying.
void tellOn(Context& c, Session& s);
/// The upstream stands, and `fd` is our end of it; or datagrams may be sent there. May end the session.
void tellConnected(Context& c, Session& s, int fd);
/// It has asked for what is not to be had here.
void refuseCommand(Context& c, Session& s);
/// Ends a session that has come to no upstream: told so in the protocol that it asked in, and else by a reset.
void turnAway(Context& c, Session& s, Reason reason);

}  // namespace millrace
