// A session's place in a set of upstreams (internal): choosing a member, waiting for room, failing over, and leaving. One loop's thread only.
// Functions over (Context&, Session&), as dial and ending are. Nothing of a session that forwards to an endpoint comes here.
// Invariant: Session::inSet is set from the first joinSet() on, and Session::firstAddress is the slot of the member that counts it, or Candidate::none.
#pragma once
#include "relay/context.h"

namespace millrace {

/// Once the plans are where they stay.
void openSets(Context& c);
void closeSets(Context& c);

/// Has a member count the session, where none does yet: its address is to be dialled. False where it waits for room, or has ended; with `reason` where nobody
/// is left to try.
bool joinSet(Context& c, Session& s, Reason reason);
void memberConnected(Context& c, Session& s);
/// The attempt is over, by Session::error; 0: that was nobody's fault.
void memberFailed(Context& c, Session& s);
/// Whether a member has room for it that it has not tried.
bool hasRoomElsewhere(Context& c, const Session& s);
/// The session ends, or will not be connected any more.
void leaveSet(Context& c, Session& s);

/// Phase queued: events of the downstream.
void queuedReady(Context& c, Session& s, uint32_t events);
/// At a turn's end: dials those for whom there is room by now.
void serveQueues(Context& c);

/// An errno of socket(2), bind(2) or connect(2) that says nothing about where it was to go: no descriptor, no memory, no port.
bool isOurFault(int error);
/// A failure of a member, of a session or of a flow: where that ejects it JS is told, and a timer brings it back.
void countFailure(Context& c, UpstreamSet& set, uint32_t slot, int error);
/// At the time for which the set's timer is armed, and when its members or their health have changed: whose ejection is over is back, and JS is told.
void readmit(Context& c, UpstreamSet& set);
/// A check has found the member down: who is on the way there turns to another, and who is there ends, if the set says so.
void memberDown(Context& c, UpstreamSet& set, uint32_t slot);

struct MemberInfo {
  uint16_t plan;
  uint32_t upstream;
  uint32_t id;
  bool present, down;
  uint64_t ejectedMs;  // that are left; 0: it is not
  uint32_t open;
  uint64_t sessions, failed;
  size_t queued;  // of the whole set
};
std::vector<MemberInfo> listMembers(Context& c);

}  // namespace millrace
