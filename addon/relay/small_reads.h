// Small reads: sessions whose messages are short are read together, and what they bring is sent on together, each for one entry into the kernel
// (internal). One loop's thread only. Bulk has a read and a send of its own, as large as they can be (pump.h), and so has everything where there
// is no ring.
// Invariant: after readTogether() nothing that a read has brought is left in the hot buffer, and nobody waits to be read.
#pragma once
#include "relay/context.h"

namespace millrace {

/// `side` has bytes, or an end, to be read: now, or by readTogether() before the turn ends.
void readSoon(Context& c, Session& s, unsigned side);
void readTogether(Context& c);

}  // namespace millrace
