// What epoll and the timer shall watch for a session, derived from its state in one place (internal). One loop's thread only.
// Every function that has changed a session ends with settle(). A refused epoll_ctl ends the session it concerns, and only that.
// Invariant: EPOLLOUT is asked for exactly while bytes are pending into a side (or it is connecting), EPOLLIN exactly while its bytes
// have somewhere to go; a side that has hung up and is not read is out of the epoll set, because ERR and HUP ring without being asked.
#pragma once
#include "relay/context.h"

namespace millrace {

enum Watch : uint8_t { watchIn = 1, watchOut = 2, watchHangUp = 4 };  // any bit: the descriptor is in the epoll set

uint8_t interestOf(Context& c, const Session& s, unsigned side);
void settle(Context& c, Session& s);
/// Takes a side out of the epoll set for good or until it is wanted again.
void unwatch(Context& c, Session& s, unsigned side);
/// When the session's timer has something to do; UINT64_MAX never.
uint64_t deadlineOf(Context& c, const Session& s);
/// When it has lasted for as long as it may (maxDuration); not before it has come to a sink, nor once it has said all that it had to and lingers.
uint64_t lastMomentOf(Context& c, const Session& s);

}  // namespace millrace
