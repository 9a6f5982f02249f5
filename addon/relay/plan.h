// The compiled pipeline as the engine runs it (internal): the C++ side of lib/plan.ts. Built once by addon/node/plan_reader from
// checked values; afterwards only the limits' counts, the upstreams' addresses, the files' networks and
// the sources' turns change. One loop's thread only.
// Invariant: every node is reached on exactly one path, so `parent` leads from any node back over all that a session has passed.
#pragma once
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/address.h"
#include "relay/asked.h"
#include "relay/source_addresses.h"
#include "relay/upstream_set.h"
#include "stage/allow.h"
#include "stage/deny.h"
#include "stage/destination_rules.h"
#include "stage/keep_alive.h"
#include "stage/limit.h"
#include "stage/login.h"
#include "stage/matcher.h"
#include "stage/networks.h"
#include "stage/proxy_protocol.h"
#include "stage/stun_sink.h"

namespace millrace {

enum class Op : uint8_t { allow, deny, limit, proxyProtocol, ask, route, negotiate, forward, destination, echo, discard, stun, stream, datagrams, close, reset };

/// A sink that sends back to the downstream what comes of its own bytes.
constexpr bool answersItself(Op op) { return op == Op::echo || op == Op::stun; }
/// What it writes has no fixed relation to what it has read, so a throttle holds it where it leaves; all others are held where they come in.
constexpr bool isHeldAtExit(Op op) { return op == Op::stream || op == Op::stun; }

struct Rate {
  uint64_t bytesPerSecond = 0;  // 0: no throttle
  uint64_t burstBytes = 0;
};

struct DatagramRate {
  uint64_t datagramsPerSecond = 0;  // 0: no throttle
  uint64_t burstDatagrams = 0;
};

struct Settings {
  uint64_t idleTimeoutMs = 0;
  uint64_t halfCloseTimeoutMs = 0;
  uint64_t maxDurationMs = 0;
  uint32_t highWaterBytes = 256 * 1024;
  uint32_t pipedHighWaterBytes = 1024 * 1024;
  Rate throttle[2];
  DatagramRate throttleDatagrams[2];
  bool transform[2] = {false, false};  // of datagrams: filters
  std::optional<KeepAlive> keepAlive;
};

struct HeadLimits {
  uint32_t minBytes = 0;
  uint32_t maxBytes = 0;
  uint64_t timeoutMs = 0;
};

/// A proxy on the way, and where it is asked to connect to.
struct Hop {
  Dialect dialect = Dialect::socks5;
  Login login;                   // without a name: none
  std::optional<Destination> destination;  // none: what the session's client has asked for
};

struct ForwardOptions {
  uint32_t upstream = 0;  // of a destination: the first hop, where there is one
  uint64_t connectTimeoutMs = 0;
  uint32_t retries = 0;
  uint32_t responses = 0;  // datagrams from the upstream for each that went there, after which a flow ends; 0: any number
  SourceAddresses sources;
  uint8_t proxyProtocol = 0;  // the version of the header that goes before everything; 0: none
  ProxyDialect proxyDialect = ProxyDialect::every;  // before which datagrams it goes
  std::vector<Hop> hops;
};

/// The handshake of a proxy's clients.
struct Negotiation {
  Dialect dialect = Dialect::socks5;
  std::vector<Login> users;  // whose branches are `next`; none: anybody, and there is one branch
};

struct Node {
  static constexpr uint32_t none = UINT32_MAX;
  Op op;
  uint32_t parent = none;
  std::vector<uint32_t> next;  // route: one a matcher, then `otherwise`
  std::optional<AllowGate> allow;
  std::optional<DenyGate> deny;
  std::shared_ptr<LimitStage> limit;  // all shards have the same
  std::optional<ProxyProtocolStage> proxy;
  bool tellsJs = false;  // a node in JS may follow
  std::optional<Negotiation> negotiation;
  std::optional<DestinationRules> rules;
  bool associates = false;  // its clients may send datagrams
  std::unique_ptr<StunSink> stun;
  std::vector<MatcherPtr> when;
  uint32_t silentMs = 0;  // the least of theirs; 0: no silence decides
  HeadLimits head;
  ForwardOptions forward;
  Settings settings;

  /// Its sessions are dialled to an upstream of the plan; else, of a destination, to where each of them has asked for.
  bool goesToUpstream() const { return op == Op::forward || !forward.hops.empty(); }
};

/// Datagrams made here instead of received: the source `generate`.
struct Generate {
  uint32_t flows = 1;
  uint32_t sizeBytes = 0;
  uint64_t ratePerSecond = 0;  // 0: as fast as it goes
  uint32_t window = 0;         // datagrams of a flow that may wait for their reply; 0: any number
  uint64_t durationMs = 0;     // 0: no end
  bool gso = false;
};

struct ListenAt {
  SocketAddress address;
  uint16_t offset = 0;  // its place in a range of ports
};

struct Plan {
  bool datagram = false;
  std::vector<ListenAt> listen;
  std::optional<Generate> generate;
  int backlog = 0;
  int receiveBufferBytes = 0;   // of a listener; for streams, where sessions inherit it, 0: the kernel's own
  int sendBufferBytes = 0;      // 0: for streams the kernel's own, for datagrams ours
  int maxSegmentBytes = 0;      // TCP_MAXSEG; 0: the kernel's own
  int incomingCpu = -1;         // SO_INCOMING_CPU; -1: not set
  uint32_t maxFlows = 0;
  uint32_t maxFlowsPerAddress = 0;  // 0: any number
  bool dualStack = true;
  std::vector<Node> nodes;
  std::vector<Upstream> upstreams;
  std::vector<NetworkFile> files;  // of which nodes and matchers share the networks

  /// The address of an upstream for what came to the listener at `endpoint`.
  SocketAddress addressFor(const Upstream& upstream, size_t at, uint16_t endpoint) const {
    SocketAddress address = upstream.addresses[at];
    if (upstream.ports > 1) address.setPort(uint16_t(address.port() + listen[endpoint].offset));
    return address;
  }
};

}  // namespace millrace
