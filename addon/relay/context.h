// Context: what all sessions of one loop share (internal). Owned by the Engine; one loop's thread only. Plain members on purpose: the
// files that act on sessions (walk, dial, pump, pair, ending) are functions over (Context&, Session&).
// Invariant: a Session that has ended stays in its slot, phase closed, until the turn's end, so a reference to it is good for the turn.
#pragma once
#include <deque>
#include <memory>
#include <vector>

#include "core/call_batch.h"
#include "core/pipe_pool.h"
#include "core/reuseport.h"
#include "relay/association.h"
#include "relay/outbox.h"
#include "relay/plan.h"
#include "relay/session.h"

namespace millrace {

struct RelayOptions {
  bool wantEvents = false;
  size_t maxPendingBytes = 256 << 20;
  size_t maxPipeBytes = 32 << 20;
  uint64_t lingerMs = 2000;
  Transport transport = Transport::automatic;
  bool ioUring = true;
  Sharing sharing = Sharing::none;  // of the listeners
  Sigpipe sigpipe = Sigpipe::open;  // of the loop's thread
  int32_t* draining = nullptr;      // how many loops with the same addresses are not done; null: there are no others
};

struct PlanState {
  Plan plan;
  Ledger ledger;
  bool counted = false;  // it is in Context::counted
};

struct Context {
  Context(Loop& of, RelayOptions with, std::span<uint8_t> arena)
      : loop(of), options(with), pool(with.maxPendingBytes), pipes(of, with.maxPipeBytes, with.transport == Transport::splice), outbox(arena), hot(hotBytes) {}

  static constexpr uint8_t sessionKind = 1;
  static constexpr uint8_t listenerKind = 2;
  static constexpr uint8_t associationInsideKind = 6, associationOutsideKind = 7;  // those of flows are between
  /// One read at most: big enough to keep calls few, small enough to stay in the second-level cache between recv and send.
  static constexpr size_t hotBytes = 256 * 1024;
  /// The share that each of a batch of reads has of it: who fills its share has more to say, and is read alone.
  static constexpr size_t smallReadBytes = hotBytes / CallBatch::most;

  Loop& loop;
  const RelayOptions options;
  std::vector<std::unique_ptr<PlanState>> plans;
  std::vector<UpstreamSet*> sets;  // of the plans
  std::vector<PlanState*> counted;  // in this turn: a turn of one plan among hundreds costs what it costs alone
  BlockPool pool;
  PipePool pipes;
  PipeCounts pipesHeld{};  // by all pumps
  size_t crossingBytes = 0;  // of chunks that JS has, as the pool would keep them
  Outbox outbox;
  std::vector<uint8_t> hot;
  CallBatch calls;            // of a turn, one each on many sockets
  Slab<Session> sessions;
  std::unordered_map<uint32_t, std::unique_ptr<Association>> associations;  // by the slots of their sessions
  AssociationSlots associationSlots;
  std::vector<Token> ended;     // to be freed at the turn's end
  std::vector<Token> starved;   // wait for the pool
  std::vector<Token> deferred;  // wait for room in the arena
  struct Readable {
    Token session;
    unsigned side;
  };
  std::vector<Readable> readable;  // with small reads, to be read together
  struct BulkStep {
    Token session;
    uint8_t direction;
    bool write;
  };
  std::deque<BulkStep> bulk;  // what waits for its turn
  uint64_t messageMs = 0;     // when the last message was read
  size_t messages = 0;        // read in this turn
  uint64_t staleEvents = 0;
  uint16_t firstEphemeralPort = 32768;
  bool paces = false;         // TCP does, unless it is told otherwise

  Node& nodeOf(const Session& s) { return plans[s.plan]->plan.nodes[s.node]; }
  const Settings& settingsOf(const Session& s) { return nodeOf(s).settings; }
  /// To count in, until the turn's end.
  Counters& countersOf(uint16_t plan) {
    PlanState& of = *plans[plan];
    if (!of.counted) {
      of.counted = true;
      counted.push_back(&of);
    }
    return of.ledger.now;
  }
  Counters& countersOf(const Session& s) { return countersOf(s.plan); }
  ByteCounts& bytesOf(const Session& s, unsigned direction) { return countersOf(s).bytes[direction]; }
  uint64_t now() const { return loop.now(); }
  /// No byte for so long that what its directions were like says little (HAProxy has the same time).
  bool isRested(const Session& s) const { return now() >= s.progressMs + 1000; }

  static double idOf(Token token) { return double(token.generation) * Slab<Session>::maxSlots + token.index; }
  Session* findById(double id) {
    const auto whole = uint64_t(id);
    Session* s = sessions.find({uint32_t(whole % Slab<Session>::maxSlots), uint32_t(whole / Slab<Session>::maxSlots)});
    return s && s->phase != Phase::closed ? s : nullptr;
  }

  Record record(RecordKind kind, const Session& s) {
    Record r;
    r.kind = double(kind);
    r.session = idOf(s.token);
    r.node = s.node;
    r.listener = double(s.plan) * 65536 + s.endpoint;
    r.downstream = s.downstream;
    r.upstream = s.upstream;
    return r;
  }

  /// Bytes that may be kept yet, so that all that is in pipes finds room in blocks too, should the kernel refuse to take it from there, and all that JS hands back.
  size_t roomBytes() const {
    const size_t spoken = size_t(pipesHeld.bytes + pipesHeld.inUse * Block::capacity) + crossingBytes;
    return pool.availableBytes() > spoken ? pool.availableBytes() - spoken : 0;
  }

  /// The session is walked or fed again when the arena has room.
  void defer(Session& s) {
    if (s.deferred) return;
    s.deferred = true;
    deferred.push_back(s.token);
  }
};

}  // namespace millrace
