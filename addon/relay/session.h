// Session: one accepted stream and its upstream (internal). Owns both descriptors, what is pending between them and its timer; lives in
// a slab slot and never moves. One loop's thread only. It is data: walk, dial, pump, pair and ending act on it, and settle() derives from
// it what epoll and the timer shall watch.
//
//   head ──> resolving ──> connecting ──> (negotiating) ──> relaying ──> resetting ──> closed
//     │ └───> queued ─────────^ │               │              ├──> lingering ───────────^
//     └── (sinks without an upstream) ─────────────────────────┘        any phase ───────^
#pragma once
#include <memory>

#include "core/block_pool.h"
#include "core/fd.h"
#include "core/loop.h"
#include "core/pipe.h"
#include "relay/head.h"
#include "relay/ledger.h"
#include "relay/partial.h"
#include "relay/transport.h"
#include "stage/throttle.h"

namespace millrace {

enum class Phase : uint8_t {
  head,        // walking the plan; may wait for bytes or for a verdict
  resolving,   // the name of its upstream has no address yet
  queued,      // at a forward to a set, all members of which have as many sessions as they may
  connecting,  // an attempt is under way, or the next one waits
  negotiating, // a proxy on the way is asked to connect further
  relaying,
  resetting,   // one side is dead: the other gets its RST when it has acknowledged all bytes
  lingering,   // FIN sent both ways; what still comes is read and dropped, so that close(2) sends no RST
  closed,      // counted and reported; the slot is freed at the turn's end
};

/// One descriptor of a pair. Side 0 is the downstream, side 1 the upstream.
struct Side {
  Fd fd;
  uint8_t watched = 0;      // events asked of epoll, as Watch bits
  bool eof : 1 = false;     // its FIN was read (a JS source: end() was called)
  bool fin : 1 = false;     // our FIN was sent to it
  bool dead : 1 = false;    // it has been reset
  bool hungUp : 1 = false;  // taken out of epoll because HUP rings for ever
  bool nagle : 1 = false;   // TCP_NODELAY is still to be set, before the second send
};

/// One direction: from side `d` to side `1 - d`.
struct Pump {
  ByteQueue pending;           // behind what is in the pipe
  Pipe* pipe = nullptr;        // of the loop's pool, while bytes are in it
  uint64_t sent = 0;
  bool broken : 1 = false;     // the destination takes no more; what comes is dropped
  bool paused : 1 = false;     // by JS
  bool throttled : 1 = false;  // until Session::wakeMs
  bool starved : 1 = false;    // the pool is at its cap
  bool drainDue : 1 = false;   // JS was told to wait
  bool small : 1 = true;       // its last read was
  bool readWaits : 1 = false;  // both: in Context::bulk
  bool flushWaits : 1 = false;
  TransportChoice transport;
  uint32_t crossing = 0;       // chunks that JS has and has not answered

  /// Bytes wait for the destination.
  bool holds() const { return pipe || !pending.empty(); }
  size_t pendingBytes() const { return pending.size() + (pipe ? pipe->size() : 0); }
};

struct Session : LoopTimer {
  class Engine* engine = nullptr;
  Token token;
  Side sides[2];
  Pump pumps[2];
  std::unique_ptr<Head> head;              // until it has been delivered
  std::unique_ptr<Partial> partial;        // of a message to a sink that answers messages
  std::unique_ptr<TokenBucket[]> buckets;  // two, where a throttle is set
  PeerAddress downstream;
  PeerAddress upstream;
  uint64_t acceptedMs = 0;
  uint64_t progressMs = 0;       // the last byte moved, either way
  uint64_t phaseDeadlineMs = 0;  // of queued, connecting, resetting, lingering
  uint64_t wakeMs = UINT64_MAX;  // throttle, reset poll or next attempt
  uint32_t node = 0;
  int32_t error = 0;             // errno behind the reason, where there is one
  uint32_t firstAddress = 0;     // of the upstream's, where dialling began; of a set: the slot of the member that counts it, or none
  uint16_t plan = 0;
  uint16_t endpoint = 0;
  uint8_t attempts = 0;
  Phase phase = Phase::head;
  Reason reason = Reason::finished;
  bool opened : 1 = false;    // relaying has begun
  bool known : 1 = false;     // JS has seen it
  bool deferred : 1 = false;  // waits in Context::deferred
  bool inSet : 1 = false;     // it has come to a forward to a set

  /// Nothing of this direction is left with us: what waited for its last byte may happen. A sink without an upstream answers on side 0.
  bool settled(unsigned direction) const {
    const bool answersItself = direction == toDownstream && !sides[1].fd;
    return !pumps[direction].holds() && pumps[direction].crossing == 0 && !(answersItself && pumps[toUpstream].crossing > 0);
  }
  /// Bytes wait for somebody who may take them yet.
  bool stuck() const { return (sides[0].fd && !sides[0].dead && !settled(1)) || (sides[1].fd && !sides[1].dead && !settled(0)); }
  bool flowing(unsigned direction) const { return !sides[direction].eof && !pumps[direction].broken; }
  bool halfClosed() const { return sides[0].eof || sides[1].eof || sides[0].dead || sides[1].dead || sides[0].hungUp || sides[1].hungUp; }
};

/// Ten thousands of sessions are idle: a byte here is one for each of them.
static_assert(sizeof(Session) == 264);

}  // namespace millrace
