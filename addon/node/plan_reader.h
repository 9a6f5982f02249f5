// Reads the plans and options that lib/compile.ts made into the engine's own (internal). JS thread only. Values have been checked by `lib`;
// what is wrong all the same becomes a pending JS exception (a bug of ours) and an empty result.
#pragma once
#include <napi.h>

#include "relay/plan.h"

namespace millrace {

std::optional<Plan> readPlan(const Napi::Object& from);
/// [{ address, port }, ...] as socket addresses; what does not parse is left out.
std::vector<SocketAddress> readAddresses(const Napi::Array& from);

}  // namespace millrace
