// How sessions end (internal). One loop's thread only. Three ways, from the gentlest:
//   lingerSession: what is pending is delivered, FIN goes both ways, what the peers still send is read and dropped until they finish
//                  or lingerMs is over; then close. A clean end never becomes a reset, and bytes cut off never look like a clean end.
//   resetSession:  RST to both sides (where it can be sent), now.
//   endSession:    the sides are already done: count, report, close.
// Invariant: every accepted session passes endSession exactly once; what is still pending there is counted as dropped.
#pragma once
#include "relay/context.h"

namespace millrace {

void endSession(Context& c, Session& s, Reason reason);
void resetSession(Context& c, Session& s, Reason reason);
void lingerSession(Context& c, Session& s, Reason reason);

/// Lingering: events of one side; its timer; and a chunk that has come back from JS.
void lingerReady(Context& c, Session& s, unsigned side, uint32_t events);
void lingerTimer(Context& c, Session& s);
void lingerOn(Context& c, Session& s);

/// Counts what is pending in a direction as dropped.
void dropPending(Context& c, Session& s, unsigned direction);

}  // namespace millrace
