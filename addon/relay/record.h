// Record: one line of what a turn has to tell JS (internal). Copied as it is into the buffer shared with `lib`, whose field numbers
// are in lib/native.ts; a test compares the two. Bytes that go with it lie in the arena at `offset` until the crossing returns.
#pragma once
#include <cstdint>

#include "core/peer_address.h"

namespace millrace {

enum class RecordKind : uint8_t {
  head = 1, chunk, data, end, drain, open, close, abandoned, notice, closed, started, proxied,
};

enum class Notice : uint8_t { paused = 1, resumed, acceptError, eventsLost, generated, tableFull, memberEjected, memberBack };

/// What JS wrote into Record::verdict.
enum class Verdict : uint8_t { later = 0, pass, more, answered };

struct Record {
  double kind = 0;
  double session = 0;
  double node = 0;
  double offset = 0;
  double length = 0;
  double value = 0;
  double extra = 0;
  double verdict = 0;
  double bytesToUpstream = 0;
  double bytesToDownstream = 0;
  double durationMs = 0;
  double listener = 0;  // plan * 65536 + the endpoint's place in it
  PeerAddress downstream{};
  PeerAddress upstream{};
};
static_assert(sizeof(Record) == 12 * 8 + 40);

inline Record noticeOf(Notice code, int error, uint16_t plan, uint16_t endpoint) {
  Record r;
  r.kind = double(RecordKind::notice);
  r.value = double(code);
  r.extra = error;
  r.listener = double(plan) * 65536 + endpoint;
  return r;
}

}  // namespace millrace
