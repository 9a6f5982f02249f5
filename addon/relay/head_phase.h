// The head phase's clock and bounds (internal): what every node that needs bytes of the head shares. One loop's thread only.
// Invariant: a node's deadline is set once, when the session comes to it, and bytes do not move it.
#pragma once
#include "relay/context.h"

namespace millrace {

/// Makes sure there is a head and that the node's clock runs; false where there is no memory, and then the session is over.
bool enterHeadNode(Context& c, Session& s, const HeadLimits& limits);
/// Goes on to `next`, whose clock has not begun.
void leaveHeadNode(Session& s, uint32_t next);
/// The node cannot decide on what is there. False if no more can come, and then the session ends.
bool mayWait(Context& c, Session& s, const HeadLimits& limits);
/// The first bytes of the head have been understood here and go nowhere.
void consumeHead(Context& c, Session& s, size_t bytes);

}  // namespace millrace
