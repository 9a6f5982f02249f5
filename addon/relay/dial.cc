#include "relay/dial.h"

#include <errno.h>
#include <netinet/tcp.h>

#include <algorithm>

#include "core/congestion.h"
#include "core/sys.h"
#include "relay/ending.h"
#include "relay/hops.h"
#include "relay/interest.h"
#include "relay/membership.h"
#include "relay/negotiation.h"
#include "relay/proxy_header.h"
#include "relay/walk.h"
#include "stage/deadline.h"

namespace millrace {
namespace {

constexpr uint64_t firstPauseMs = 50;  // before the same address is tried again; doubles
constexpr size_t mostResting = 4;      // source addresses without a port that a session asks once more: 0.8 ms each with 20,000 ports
constexpr uint64_t unixBusyMs = 10;    // a Unix listener's queue is full, there is nobody else to ask, and no event tells when it is not

Reason reasonFor(int error) {
  switch (error) {
    case ECONNREFUSED: return Reason::connectRefused;
    case ETIMEDOUT: return Reason::connectTimeout;
    case ENETUNREACH: case EHOSTUNREACH: case ENETDOWN: case EHOSTDOWN: case ENOENT: return Reason::connectUnreachable;
    case EMFILE: case ENFILE: case ENOBUFS: case ENOMEM: return Reason::descriptorLimit;
    default: return Reason::connectFailed;
  }
}

Upstream& upstreamOf(Context& c, const Session& s) {
  const Node& node = c.nodeOf(s);
  return node.goesToUpstream() ? c.plans[s.plan]->plan.upstreams[node.forward.upstream] : s.head->asked->upstream;
}

size_t addressIndex(const Upstream& upstream, const Session& s) { return (s.firstAddress + s.attempts) % upstream.addresses.size(); }

/// How many there are to try.
size_t choicesOf(const Upstream& upstream) { return upstream.set ? upstream.set->usable() : upstream.addresses.size(); }

/// On loopback a connect to a port nobody listens on can meet itself.
bool metItself(Context& c, const Session& s) {
  if (s.upstream.portNumber() < c.firstEphemeralPort) return false;
  return SocketAddress::boundTo(s.sides[1].fd.get()).peer() == s.upstream;
}

/// A reset after the handshake: there may be bytes to read before it.
void resetByUpstream(Session& s) { s.sides[1].dead = s.pumps[toUpstream].broken = true; }

void connected(Context& c, Session& s) {
  s.error = 0;
  if (s.inSet) memberConnected(c, s);
  if (c.nodeOf(s).forward.hops.empty()) return upstreamReady(c, s);
  if (s.pumps[toUpstream].broken) return turnAway(c, s, Reason::proxyFailed);
  beginHops(c, s);
}

void attemptFailed(Context& c, Session& s, int error) {
  s.sides[1] = Side();
  s.error = error;
  const Reason reason = reasonFor(error);
  Upstream& upstream = upstreamOf(c, s);
  const size_t addresses = upstream.addresses.size();
  if (s.inSet) memberFailed(c, s);
  // Sessions to come begin with the next address, until that fails too.
  if (addresses > 0 && reason != Reason::descriptorLimit && upstream.preferred == addressIndex(upstream, s)) upstream.preferred = uint32_t((upstream.preferred + 1) % addresses);
  const bool over = s.attempts >= c.nodeOf(s).forward.retries || c.now() >= s.phaseDeadlineMs || reason == Reason::descriptorLimit;
  if (over) return turnAway(c, s, reason);
  ++s.attempts;
  s.phase = Phase::connecting;
  const bool sameAgain = !s.inSet && s.attempts % addresses == 0;
  if (!sameAgain) return dial(c, s);
  const uint64_t round = s.attempts / addresses;
  s.wakeMs = c.now() + (firstPauseMs << std::min<uint64_t>(round - 1, 5));
}

bool mayGoElsewhere(Context& c, const Session& s) { return s.inSet && s.attempts < c.nodeOf(s).forward.retries && hasRoomElsewhere(c, s); }

/// What this attempt may take: all that is left, or its share where other addresses are still untried.
uint64_t attemptDeadline(Context& c, const Session& s) {
  const uint64_t untried = std::min<uint64_t>(c.nodeOf(s).forward.retries + 1, choicesOf(upstreamOf(c, s)));
  const uint64_t shares = untried > s.attempts ? untried - s.attempts : 1;
  return c.now() + std::max<uint64_t>((s.phaseDeadlineMs - c.now()) / shares, 1);
}

/// A socket of the session on its way to `to`, from `source` or from where the kernel chooses: what connect(2) said, or -errno of what came before it.
int connectFrom(Context& c, Session& s, const SocketAddress& to, const SocketAddress* source) {
  s.sides[1].fd.reset();  // that of the address before: this one may need its descriptor
  const int fd = sys::socket(to.family(), SOCK_STREAM);
  if (fd < 0) return fd;
  s.sides[1].fd = Fd(fd);
  s.sides[1].nagle = !to.isUnix();
  if (c.paces && s.upstream.isLoopback()) sendUnpaced(fd);
  if (source) {
    // Else bind(2) would choose the port, for all upstreams together, and not connect(2), for this one.
    sys::setInt(fd, SOL_IP, IP_BIND_ADDRESS_NO_PORT, 1);
    if (::bind(fd, source->get(), source->length()) < 0) return -errno;
  }
  return sys::connect(fd, to.get(), to.length());
}

}  // namespace

void dial(Context& c, Session& s) {
  ForwardOptions& options = c.nodeOf(s).forward;
  if (s.phase == Phase::head || s.phase == Phase::queued) s.phaseDeadlineMs = deadlineAfter(c.now(), options.connectTimeoutMs);
  s.wakeMs = UINT64_MAX;
  Upstream& upstream = upstreamOf(c, s);
  if (upstream.set ? upstream.set->unknown() : upstream.addresses.empty()) {
    s.phase = Phase::resolving;
    return;
  }
  if (upstream.set && !joinSet(c, s, s.error ? reasonFor(s.error) : Reason::noUpstream)) return;
  if (!upstream.set && s.phase != Phase::connecting) s.firstAddress = upstream.preferred;
  s.phase = Phase::connecting;
  const SocketAddress to = upstream.set ? upstream.set->member(s.firstAddress).address : c.plans[s.plan]->plan.addressFor(upstream, addressIndex(upstream, s), s.endpoint);
  s.upstream = upstream.set ? upstream.set->peerOf(s.firstAddress) : to.peer();
  int result = options.sources.fromEach(to.family(), c.now(), mostResting, [&](const SocketAddress* source) { return connectFrom(c, s, to, source); });
  // Within this machine the handshake is over by now; to ask saves an event a session.
  if (result == -EINPROGRESS && s.upstream.isLoopback() && sys::isConnected(s.sides[1].fd.get())) result = 0;
  if (result == 0) return metItself(c, s) ? attemptFailed(c, s, ECONNREFUSED) : connected(c, s);
  if (result == -EINPROGRESS) {
    s.wakeMs = attemptDeadline(c, s);
    return;
  }
  if (to.isUnix() && result == -EAGAIN && !mayGoElsewhere(c, s)) {
    s.sides[1] = Side();
    s.wakeMs = c.now() + unixBusyMs;
    s.error = ETIMEDOUT;
    return;
  }
  attemptFailed(c, s, -result);
}

void connectReady(Context& c, Session& s, uint32_t events) {
  const int error = sys::socketError(s.sides[1].fd.get());
  const bool resetSince = error == ECONNRESET || error == EPIPE;
  if (error && !resetSince) return attemptFailed(c, s, error);
  if (!error && !(events & (EPOLLOUT | EPOLLHUP))) return;
  if (!error && metItself(c, s)) return attemptFailed(c, s, ECONNREFUSED);
  if (resetSince) resetByUpstream(s);
  connected(c, s);
}

void upstreamReady(Context& c, Session& s) {
  if (const unsigned version = c.nodeOf(s).forward.proxyProtocol; version > 0) {
    if (!s.pumps[toUpstream].broken && !sendProxyHeader(c, s, version)) {
      if (s.error != ECONNRESET && s.error != EPIPE) return turnAway(c, s, Reason::connectFailed);
      resetByUpstream(s);
    }
    sendAtOnce(s.sides[1]);
  }
  // JS may write several times for one read.
  if (c.settingsOf(s).transform[toUpstream]) sendAtOnce(s.sides[1]);
  if (s.head && s.head->asked) tellConnected(c, s, s.sides[1].fd.get());
  if (s.phase == Phase::closed) return;
  beginRelaying(c, s);
}

bool sayFirst(Context& c, Session& s, std::span<const uint8_t> bytes) {
  const ssize_t put = sys::send(s.sides[1].fd.get(), bytes.data(), bytes.size());
  const auto sent = size_t(std::max<ssize_t>(put, 0));
  ByteCounts& counts = c.bytesOf(s, toUpstream);
  counts.produced += bytes.size();
  counts.sent += sent;
  counts.dropped += bytes.size() - sent;
  s.pumps[toUpstream].sent += sent;
  if (sent == bytes.size()) return true;
  s.error = put < 0 ? int32_t(-put) : EIO;
  return false;
}

void dialElsewhere(Context& c, Session& s) {
  s.sides[1] = Side();
  s.error = 0;
  memberFailed(c, s);
  dial(c, s);
}

void sendAtOnce(Side& upstream) {
  if (!upstream.nagle) return;
  upstream.nagle = false;
  sys::setInt(upstream.fd.get(), IPPROTO_TCP, TCP_NODELAY, 1);
}

void dialTimer(Context& c, Session& s) {
  if (s.phase == Phase::resolving) return turnAway(c, s, Reason::nameUnresolved);
  if (s.phase == Phase::negotiating) return turnAway(c, s, Reason::connectTimeout);
  if (s.sides[1].fd) return attemptFailed(c, s, ETIMEDOUT);
  if (c.now() >= s.phaseDeadlineMs) return turnAway(c, s, reasonFor(s.error));
  dial(c, s);
}

}  // namespace millrace
