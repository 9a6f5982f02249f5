// What the ends and failures of one side mean for the session (internal): half-close, reset, and when it is over. Pump calls in, ending is
// called out. One loop's thread only.
//   FIN from a side      -> FIN to the other, after everything pending
//   reset from a side    -> everything taken before is delivered and acknowledged (1 s at most), then RST to the other
//   a refused write      -> that direction is broken; what its destination still has to say is read first (its end is then a reset)
// Invariant: FIN is sent to a side only when nothing is pending into it.
#pragma once
#include "relay/context.h"

namespace millrace {

void sourceEnded(Context& c, Session& s, unsigned side);
void sourceFailed(Context& c, Session& s, unsigned side);
void destinationFailed(Context& c, Session& s, unsigned direction);
/// Nothing is pending in `direction` any more (or never was): act on an end that waited for it.
void pumpDrained(Context& c, Session& s, unsigned direction);
/// ERR or HUP on a side that is neither read nor written now.
void sideHungUp(Context& c, Session& s, unsigned side);
/// Resetting: the time to look again.
void pollReset(Context& c, Session& s);

}  // namespace millrace
