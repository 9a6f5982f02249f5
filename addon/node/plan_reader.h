// Reads the plans and options that lib/compile.ts made into the engine's own (internal). JS thread only. Values have been checked by `lib`;
// what is wrong all the same (a bug of ours, or a worker being terminated) gives an empty result, and `why` says what.
#pragma once
#include "node/js_value.h"
#include "relay/plan.h"

namespace millrace {

std::optional<Plan> readPlan(JsValue from, std::string& why);
/// What a set of upstreams consists of; what does not parse is left out.
std::vector<MemberIs> readMembers(JsValue from);
/// [{ address, port }, ...] as socket addresses; what does not parse is left out.
std::vector<SocketAddress> readAddresses(JsValue from);

}  // namespace millrace
