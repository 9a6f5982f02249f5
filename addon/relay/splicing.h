// Splicing: the bytes of a pump that are in a kernel pipe (internal). A pump has a pipe of the loop's pool only while bytes are in it: what a read has
// brought goes on at once, and what the destination refuses stays there and is pending like bytes in blocks, before those. One loop's thread only.
// Nothing is returned but what a caller has to do next; pair.h decides what an end or an error means.
// Invariants: a pump's pipe is never empty, and never filled while it holds something. No direction keeps the last pipe that can be had: where
// there is none for the next one, bytes go to blocks at once, so readers that stand still take nobody's pipe.
#pragma once
#include "relay/context.h"

namespace millrace {

/// An empty pipe to read into, where splicing pays for this direction and there is one; null: copy.
Pipe* pipeFor(Context& c, Session& s, unsigned direction);

/// Bytes counted as received, in a pipe that was had from pipeFor(), go on to the destination.
void deliverPipe(Context& c, Session& s, unsigned direction, Pipe* pipe);

/// The destination may take again what waits in the direction's pipe. False where it has failed instead.
bool flushPipe(Context& c, Session& s, unsigned direction);

/// What waits in the direction's pipe will not be sent.
void dropPipe(Context& c, Session& s, unsigned direction);

}  // namespace millrace
