// The pump: one direction of a session (internal). Moves bytes from a readable side through the loop's hot buffer straight into the other
// side and keeps only what that refuses; bulk goes by a kernel pipe instead (splicing.h).
// One loop's thread only. Nothing is returned: the session's state says what happened, and pair.h decides what an end or an error means.
// Invariant: nothing is read while bytes of the same direction are pending, so order is kept and pending is bounded by one read.
#pragma once
#include <span>

#include "relay/context.h"

namespace millrace {

/// `side` has bytes, or an end, to be read.
void sourceReady(Context& c, Session& s, unsigned side);

/// Bytes of a direction, counted as received and no longer as pending, go to where the sink wants them.
void relayBytes(Context& c, Session& s, unsigned direction, std::span<const uint8_t> bytes);

/// What a read has brought is in the books.
void noteReceived(Context& c, Session& s, unsigned side, size_t count);
/// A read has brought no bytes but an end (0), or -errno.
void readEnded(Context& c, Session& s, unsigned side, ssize_t got);

/// Whether the direction's destination is to be sent something at once.
bool takesNow(Context& c, const Session& s, unsigned direction);
/// What became of sending these: those that have not been taken are kept, and a failure is dealt with.
void delivered(Context& c, Session& s, unsigned direction, std::span<const uint8_t> bytes, ssize_t put);
/// Bytes go to the direction's destination socket: sent now, or kept until it takes them.
void deliver(Context& c, Session& s, unsigned direction, std::span<const uint8_t> bytes);

/// The destination of a direction may take bytes again.
void flushPending(Context& c, Session& s, unsigned direction);

/// Bytes a JS node has to see, at most as many as the arena has room for, go there and to the outbox.
void crossBytes(Context& c, Session& s, RecordKind kind, unsigned direction, std::span<const uint8_t> bytes);

}  // namespace millrace
