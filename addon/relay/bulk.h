// Bulk: a read or a write of a direction that has more to move than a message waits here, so that messages are not behind every megabyte that is ready
// (internal). Messages and datagrams are moved, and shown to JS, as soon as they are seen; at the turn's end those that wait here take one step each, in the order of
// arrival, until a budget of bytes is used up, and epoll is asked again. While there are messages the budget and the steps are small. One loop's thread only.
// Invariant: a direction waits at most once for a read and once for a write. Who waits and may still act is ready, and sessions are level-triggered: the loop
// does not sleep over it.
#pragma once
#include "relay/context.h"

namespace millrace {

/// Whether what a side has to be read is more than a message, as far as one can tell.
bool isBulk(const Context& c, const Session& s, unsigned side);
/// `side` of it has bytes, or an end, to be read.
void readInTurn(Context& c, Session& s, unsigned side);
/// The destination of a direction takes bytes again.
void flushInTurn(Context& c, Session& s, unsigned direction);

/// So many reads have brought a message each: what is short comes after what was short.
void noteMessages(Context& c, size_t count);
/// How many bytes a step may move now.
size_t stepBytes(const Context& c);

/// Those that wait take their steps, until so much has been moved that it is time to look for messages.
void takeBulkSteps(Context& c);
/// What waits of this session takes its step before the others.
void takeBulkSteps(Context& c, Session& s);

}  // namespace millrace
