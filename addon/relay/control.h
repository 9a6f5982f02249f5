// What JS may do to single sessions, by their ids (internal). One loop's thread only. An id whose session is over, or is not in a state to
// which the call applies, is ignored: between turns a session may end at any time.
#pragma once
#include "relay/context.h"
#include "relay/datagram/flow.h"

namespace millrace {

struct SessionInfo {
  double id;
  uint32_t node;
  uint16_t plan;
  Phase phase;
  PeerAddress downstream, upstream;
  uint64_t bytes[2];
  uint64_t pending[2];
  uint64_t ageMs, idleMs;
  bool datagram = false;
  FlowTally tally[2] = {};  // of a flow
};

enum class EndHow : uint8_t { close, reset, handlerError, rejected };

/// `reply` goes to the downstream first.
void endById(Context& c, double id, EndHow how, std::span<const uint8_t> reply);
/// Goes on to `branch`, with `bytes` in the place of the first `consumed` bytes of the head.
void answerHead(Context& c, double id, uint32_t node, uint32_t branch, size_t consumed, std::span<const uint8_t> bytes);
/// Pending bytes after it, or -1 where the session is gone.
double write(Context& c, double id, unsigned direction, std::span<const uint8_t> bytes);
/// FIN to the downstream of a stream sink, after all that was written.
void endWrite(Context& c, double id);
/// Whether a stream sink reads its downstream.
void setPaused(Context& c, double id, bool paused);
std::vector<SessionInfo> listSessions(Context& c);

}  // namespace millrace
