// What a proxy has said of a session, as JS is told it (internal): the destination and the TLVs of its header, in a record of its own before the first that makes the session known there. Kept with
// the head, and only where a node in JS may follow. One loop's thread only.
#pragma once
#include "relay/context.h"
#include "stage/proxy_protocol.h"

namespace millrace {

/// Takes over what a header says, before its bytes are forgotten.
void noteProxied(Session& s, const Node& node, const ProxyHeader& header);
/// Tells it, unless that has been done. False where the arena has no room yet for it and `bytes` more.
bool tellProxied(Context& c, Session& s, size_t bytes);
/// The same for a sink: nothing where no byte of the session will be in JS.
bool tellProxiedTo(Context& c, Session& s, const Node& sink);

}  // namespace millrace
