#include "relay/head_phase.h"

#include "relay/ending.h"
#include "stage/deadline.h"

namespace millrace {

bool enterHeadNode(Context& c, Session& s, const HeadLimits& limits) {
  if (!s.head) s.head.reset(new (std::nothrow) Head);
  if (!s.head) {
    resetSession(c, s, Reason::pendingLimit);
    return false;
  }
  if (!s.head->entered) {
    s.head->entered = true;
    s.head->deadlineMs = deadlineAfter(c.now(), limits.timeoutMs);
  }
  return true;
}

void leaveHeadNode(Session& s, uint32_t next) {
  s.node = next;
  if (!s.head) return;
  s.head->entered = s.head->verdictDue = false;
  s.head->deadlineMs = s.head->silentAtMs = UINT64_MAX;
  s.head->askedAt = UINT32_MAX;
}

bool mayWait(Context& c, Session& s, const HeadLimits& limits) {
  if (s.head->ended) {
    lingerSession(c, s, Reason::headIncomplete);
    return false;
  }
  if (s.head->size() >= limits.maxBytes) {
    resetSession(c, s, Reason::headTooLarge);
    return false;
  }
  return true;
}

void consumeHead(Context& c, Session& s, size_t bytes) {
  s.head->delivered(bytes);
  ByteCounts& counts = c.bytesOf(s, toUpstream);
  counts.consumed += bytes;
  counts.pending -= bytes;
}

}  // namespace millrace
