// Bulk: a read or a write of a direction whose last read was not small waits here, so that messages are not behind every megabyte that is ready
// (internal). Messages are moved as soon as they are seen; at the turn's end a share of what waits here takes one step each, in the order of arrival, and
// epoll is asked again. While there are messages the steps are short. One loop's thread only.
// Invariant: a direction waits at most once for a read and once for a write. Who waits and may still act is ready, and sessions are level-triggered: the loop
// does not sleep over it.
#pragma once
#include "relay/context.h"

namespace millrace {

/// `side` of it has bytes, or an end, to be read.
void readInTurn(Context& c, Session& s, unsigned side);
/// The destination of a direction takes bytes again.
void flushInTurn(Context& c, Session& s, unsigned direction);

/// A read has brought a message: what is short comes after what was short.
void noteMessage(Context& c);
/// How many bytes a step may move now.
size_t stepBytes(const Context& c);

/// A share of what waits takes its step.
void takeBulkSteps(Context& c);
/// What waits of this session takes its step before the others.
void takeBulkSteps(Context& c, Session& s);

}  // namespace millrace
