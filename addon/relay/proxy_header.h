// The header of the PROXY protocol in the life of a session (internal): read before everything its proxy sends, written before everything its upstream is sent.
// One loop's thread only. What it looks like is stage/proxy_protocol.h.
#pragma once
#include "relay/context.h"

namespace millrace {

/// A `proxyProtocol` node. Whether the walk goes on behind it; else it waits, or the session has ended.
bool passProxyHeader(Context& c, Session& s, const Node& node);
/// To the upstream, before all bytes of the session; false as sayFirst() says it.
bool sendProxyHeader(Context& c, Session& s, unsigned version);

}  // namespace millrace
