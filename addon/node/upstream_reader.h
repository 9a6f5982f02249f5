// Reads where plans listen and go, and the sets of upstreams and their members (internal). As plan_reader.h.
#pragma once
#include "node/js_value.h"
#include "relay/upstream.h"

namespace millrace {

/// False for a name, too.
bool readEndpoint(JsValue from, SocketAddress& out);
/// [{ address, port }, ...] as socket addresses; what does not parse is left out.
std::vector<SocketAddress> readAddresses(JsValue from);
/// Its members come later, by setMembers.
std::unique_ptr<UpstreamSet> readSet(JsValue from);
/// What a set of upstreams consists of; what does not parse is left out.
std::vector<MemberIs> readMembers(JsValue from);

}  // namespace millrace
