// What JS answered to the records of a crossing (internal). One loop's thread only, right after the crossing, while its arena bytes stand.
// Invariant: every byte that crossed is accounted for here, whether or not its session is still alive.
#pragma once
#include "relay/context.h"

namespace millrace {

void applyVerdicts(Context& c, std::span<const Record> records);

}  // namespace millrace
