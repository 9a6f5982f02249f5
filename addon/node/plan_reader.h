// Reads the plans that lib/compile.ts made into the engine's own (internal). JS thread only. Values have been checked by `lib`;
// what is wrong all the same (a bug of ours, or a worker being terminated) gives an empty result, and `why` says what.
#pragma once
#include "node/js_value.h"
#include "relay/plan.h"

namespace millrace {

std::optional<Plan> readPlan(JsValue from, std::string& why);

}  // namespace millrace
