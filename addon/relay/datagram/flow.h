// Flow: one datagram peer, with the socket to its upstream where its sink has one (internal). Lives in a slab slot and never moves; owns its
// socket and its timer. One loop's thread only. It is data: intake, egress and ending act on it.
// Invariant, per direction: received + produced == sent + consumed + dropped + pending, at every moment, for datagrams and for bytes.
#pragma once
#include <memory>
#include <optional>

#include "core/loop.h"
#include "relay/datagram/datagram_socket.h"
#include "relay/ledger.h"
#include "relay/reason.h"
#include "stage/balance.h"
#include "stage/proxy_protocol.h"
#include "stage/throttle.h"

namespace millrace {

struct DatagramListener;

struct FlowKey {
  PeerAddress peer;
  PeerAddress local;      // where the listener is bound to all addresses
  uint32_t listener = 0;
  uint32_t sink = 0;      // where a plan decides about every datagram by its bytes: the sink, or the branch that keeps what it has begun
  uint32_t scope = 0;     // of a link-local IPv6 peer

  bool operator==(const FlowKey&) const = default;
};

/// What a flow is looked up by: its key, and, where a proxy says it in each datagram, what that says, for one of its ports may speak for many.
struct FlowSought {
  FlowKey key;
  const ProxiedPeers* said = nullptr;
  bool keptBySaid = false;
};

template <class Number>
struct TallyOf {
  Number datagrams = 0, bytes = 0;
  void add(uint64_t n, uint64_t size) {
    datagrams += Number(n);
    bytes += Number(size);
  }
  void subtract(uint64_t n, uint64_t size) {
    datagrams -= Number(n);
    bytes -= Number(size);
  }
};
using Tally = TallyOf<uint64_t>;

struct FlowTally {
  Tally received, produced, sent, consumed, dropped;
  TallyOf<uint32_t> pending;  // capped: a flow's queue, and what a turn has
};

/// What of this turn waits to leave, as places in FlowContext::messages.
struct TurnList {
  static constexpr uint32_t none = UINT32_MAX;
  uint32_t first = none, last = none;
};

struct FlowThrottle {
  TokenBucket bytes[2];
  TokenBucket datagrams[2];
};

/// What few flows have.
struct FlowExtra {
  std::optional<FlowThrottle> throttle;
  std::optional<ProxiedPeers> said;  // by the proxy that the peer is, in the first datagram or in each
};

struct Flow : LoopTimer {
  DatagramListener* listener = nullptr;
  Flow* previous = nullptr;  // in its plan's list, oldest first
  Flow* next = nullptr;
  Token token;
  FlowKey key;
  DatagramSocket upstream;
  PeerAddress upstreamPeer;
  TurnList turn[2];
  FlowTally tally[2];
  uint64_t createdMs = 0;
  uint64_t activeMs = 0;               // the last datagram, either way
  uint64_t segmentationOffUntilMs = 0; // towards the downstream
  std::unique_ptr<FlowExtra> extra;
  uint32_t node = 0;
  uint32_t member = Candidate::none;   // of a set: the slot of the member that counts it
  uint16_t plan = 0;
  uint8_t reads = 0;                   // from its upstream, together with other flows
  bool bursts = false;                 // the last read of this flow alone brought several datagrams
  bool replied = false;                // something went back to the downstream
  bool keptBySaid = false;             // one of several that the peer speaks for
  bool introduced = false;             // a datagram that tells the upstream whom it is from is on its way, or has been, where only one does
  DropReason dropsAs = DropReason::expired;  // what is left of it when it is over
  bool over = false;                   // out of the table; its slot is freed at the turn's end

  FlowThrottle* throttle() const { return extra && extra->throttle ? &*extra->throttle : nullptr; }
  const ProxiedPeers* said() const { return extra && extra->said ? &*extra->said : nullptr; }
  /// Whom it is from: the peer, or whom that speaks for.
  const PeerAddress& downstream() const { return said() ? said()->source : key.peer; }
  FlowSought sought() const { return {key, said(), keptBySaid}; }
  FlowExtra& withExtra() {
    if (!extra) extra = std::make_unique<FlowExtra>();
    return *extra;
  }
};

}  // namespace millrace
