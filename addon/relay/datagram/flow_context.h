// FlowContext: what all flows of one loop share (internal). Owned by the DatagramRelay; one loop's thread only. Plain members on purpose: the
// files that act on flows (intake, flow_life, batch, egress) are functions over (FlowContext&, Flow&).
// Invariants: a Flow that is over stays in its slot until the turn's end, so a reference to it is good for the turn. What a turn has received
// lies in the arena until the turn's end, and by then it has been sent, copied into a pending queue, or dropped with a reason.
#pragma once
#include <memory>
#include <vector>

#include "core/datagram_receiver.h"
#include "core/datagram_train.h"
#include "relay/datagram/shard_family.h"
#include "relay/context.h"
#include "relay/datagram/flow.h"
#include "relay/datagram/flow_table.h"
#include "relay/datagram/answers.h"
#include "relay/datagram/read_share.h"
#include "relay/datagram/row.h"
#include "relay/datagram/runs.h"
#include "stage/limit.h"

namespace millrace {

struct FlowContext;

struct DatagramListener {
  FlowContext& context;
  DatagramSocket socket;
  SocketAddress bound;
  int receiveBufferBytes = 0;
  uint32_t index = 0;  // its place among the relay's
  uint16_t plan = 0;
  uint16_t endpoint = 0;
  SlotSize lately{};
};

/// One datagram or a train of equal ones (the last maybe shorter) that leaves in this turn; the next of the same flow and direction by place.
struct Message {
  const uint8_t* data;
  uint32_t length;
  uint32_t segment;
  uint32_t next;

  uint32_t count() const { return datagramsIn(length, segment); }
};

/// A list of flows in the order in which they began.
struct FlowList {
  Flow* first = nullptr;
  Flow* last = nullptr;
  void append(Flow& flow);
  void remove(Flow& flow);
};

struct FlowPlan {
  uint32_t flows = 0;
  FlowList unreplied;
  FlowList replied;
  LimitStage perAddress;
  bool walksEach = false;      // every datagram is walked for itself: a matcher looks at bytes, or a sink answers without a flow
  uint64_t nextNoticeMs = 0;
};

/// A message that JS has to see.
struct Crossing {
  Flow* flow;
  Message message;
  uint8_t direction;
};

struct LateBytes {
  uint32_t row;
  bool isReply;
  std::vector<uint8_t> bytes;
};

struct FlowContext {
  FlowContext(Context& of, DatagramBuffers buffers) : c(of), receiver(buffers.arena), shared(buffers), table(flows) {}

  static constexpr uint8_t flowKind = 3;
  static constexpr uint8_t listenerKind = 4;
  static constexpr uint8_t generatorKind = 5;

  Context& c;
  DatagramReceiver receiver;
  DatagramBuffers shared;
  std::vector<std::unique_ptr<DatagramListener>> listeners;
  std::vector<std::unique_ptr<FlowPlan>> plans;  // one a plan of the context; null for those of streams
  Slab<Flow> flows;
  FlowTable table;
  std::vector<Message> messages;       // of this turn
  std::vector<std::vector<uint8_t>> proxied;  // what some of them point into: datagrams with a header in front
  std::vector<Flow*> touched[2];       // flows with messages of this turn, by direction
  std::vector<Crossing> crossings;     // of this turn
  std::vector<Flow*> done;             // flows with some of their responses: looked at when those are sent
  std::vector<std::pair<Token, int>> unreached;  // flows of which an ICMP error has told in this turn, and what it said, where somebody has to judge them
  std::vector<Token> unintroduced;     // flows whose first datagram did not leave, so that the upstream does not know whom they are from
  std::vector<Token> over;             // flows to be freed at the turn's end
  std::vector<Key> refused;            // sockets for which the kernel has no buffers: tried again by a timer, since no event tells
  Runs runs;
  std::vector<Flow*> readable;         // flows with something from their upstreams, to be read together
  Answers answers;                     // of the listener that is being read
  std::vector<LateBytes> late;         // bytes from JS for which the shared memory had no room
  size_t pendingBytes = 0;             // of all sockets
  bool closing = false;                // no new flows
  ShardFamily family;                  // those with the same addresses

  uint64_t now() const { return c.now(); }
  Plan& planOf(const Flow& flow) { return c.plans[flow.plan]->plan; }
  const Node& nodeOf(const Flow& flow) { return planOf(flow).nodes[flow.node]; }
  Counters& countersOf(uint16_t plan) { return c.countersOf(plan); }

  static constexpr uint64_t firstId = uint64_t(1) << 45;  // those of streams are below
  static double idOf(Token token) { return double(firstId) + Context::idOf(token); }
  Flow* findById(double id) {
    if (id < double(firstId)) return nullptr;
    const uint64_t whole = uint64_t(id) - firstId;
    Flow* flow = flows.find({uint32_t(whole % Slab<Flow>::maxSlots), uint32_t(whole / Slab<Flow>::maxSlots)});
    return flow && !flow->over ? flow : nullptr;
  }
};

// ---- the books. Everything that comes in is pending until it is known what became of it.

/// `flow` is null where there is none.
inline void countIn(FlowContext& f, uint16_t plan, Flow* flow, unsigned d, Tally FlowTally::*how, uint64_t n, uint64_t bytes) {
  Counters& counters = f.countersOf(plan);
  const bool received = how == &FlowTally::received;
  (received ? counters.datagrams[d].received : counters.datagrams[d].produced) += n;
  (received ? counters.bytes[d].received : counters.bytes[d].produced) += bytes;
  counters.datagrams[d].pending += n;
  counters.bytes[d].pending += bytes;
  if (!flow) return;
  (flow->tally[d].*how).add(n, bytes);
  flow->tally[d].pending.add(n, bytes);
}
inline void countIn(FlowContext& f, Flow& flow, unsigned d, Tally FlowTally::*how, uint64_t n, uint64_t bytes) { countIn(f, flow.plan, &flow, d, how, n, bytes); }

/// `flow` is null where it is over, or never was.
inline void countOut(FlowContext& f, uint16_t plan, Flow* flow, unsigned d, Tally FlowTally::*how, uint64_t n, uint64_t bytes) {
  Counters& counters = f.countersOf(plan);
  const bool sent = how == &FlowTally::sent;
  (sent ? counters.datagrams[d].sent : counters.datagrams[d].consumed) += n;
  (sent ? counters.bytes[d].sent : counters.bytes[d].consumed) += bytes;
  counters.datagrams[d].pending -= n;
  counters.bytes[d].pending -= bytes;
  if (!flow) return;
  (flow->tally[d].*how).add(n, bytes);
  flow->tally[d].pending.subtract(n, bytes);
}

/// `flow` is null where it is over, or never was.
inline void countDropped(FlowContext& f, uint16_t plan, Flow* flow, unsigned d, DropReason reason, uint64_t n, uint64_t bytes) {
  Counters& counters = f.countersOf(plan);
  counters.datagrams[d].dropped[size_t(reason)] += n;
  counters.datagrams[d].droppedBytes[size_t(reason)] += bytes;
  counters.bytes[d].dropped += bytes;
  counters.datagrams[d].pending -= n;
  counters.bytes[d].pending -= bytes;
  if (!flow) return;
  flow->tally[d].dropped.add(n, bytes);
  flow->tally[d].pending.subtract(n, bytes);
}

/// What the kernel lost of a flow's replies.
inline void countLost(FlowContext& f, Flow& flow, uint32_t lost) {
  if (lost == 0) return;
  countIn(f, flow, toDownstream, &FlowTally::received, lost, 0);
  countDropped(f, flow.plan, &flow, toDownstream, DropReason::kernelOverflow, lost, 0);
}

/// What never belonged to a flow: received and dropped at once.
inline void countRefused(FlowContext& f, uint16_t plan, unsigned d, DropReason reason, uint64_t n, uint64_t bytes) {
  Counters& counters = f.countersOf(plan);
  counters.datagrams[d].received += n;
  counters.bytes[d].received += bytes;
  counters.datagrams[d].dropped[size_t(reason)] += n;
  counters.datagrams[d].droppedBytes[size_t(reason)] += bytes;
  counters.bytes[d].dropped += bytes;
}

}  // namespace millrace
