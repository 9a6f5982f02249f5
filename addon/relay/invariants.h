// What must hold at every turn's end, checked in debug builds (internal). One loop's thread only. A breach is our own bug and asserts.
#pragma once
#include "relay/context.h"

namespace millrace {

/// The books balance, what they call pending is what the queues and heads hold, and every watched descriptor is watched for what its
/// session's state asks. `arenaEmpty`: no chunk is on its way through JS.
void assertInvariants(Context& c, bool arenaEmpty);
/// Nothing was counted that is not published.
void assertPublished(const Context& c);

}  // namespace millrace
