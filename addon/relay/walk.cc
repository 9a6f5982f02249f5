#include "relay/walk.h"

#include <algorithm>

#include "core/sys.h"
#include "relay/dial.h"
#include "relay/dial_asked.h"
#include "relay/ending.h"
#include "relay/head_phase.h"
#include "relay/interest.h"
#include "relay/negotiation.h"
#include "relay/pair.h"
#include "relay/proxied.h"
#include "relay/proxy_header.h"
#include "relay/pump.h"
#include "stage/deadline.h"

namespace millrace {
namespace {

void ask(Context& c, Session& s, const Node& node) {
  if (!enterHeadNode(c, s, node.head) || s.head->verdictDue) return;
  Head& head = *s.head;
  const size_t size = std::min<size_t>(head.size(), node.head.maxBytes);
  const bool enough = head.size() >= node.head.minBytes && size != head.askedAt;
  if (!enough && !(head.ended && head.askedAt == UINT32_MAX)) {
    mayWait(c, s, node.head);
    return;
  }
  if (!tellProxied(c, s, size)) return c.defer(s);
  Record r = c.record(RecordKind::head, s);
  const auto room = c.outbox.room();
  std::copy_n(head.bytes().begin(), size, room.begin());
  r.offset = double(c.outbox.keep(size));
  r.length = double(size);
  r.value = head.ended;
  c.outbox.push(r);
  c.bytesOf(s, toUpstream).crossed += size;
  head.verdictDue = true;
  head.askedAt = uint32_t(size);
  s.known = true;
}

/// The branch of those who have been silent for so long. Others wait for bytes that do not come.
uint32_t silentBranch(const Node& node) {
  size_t i = 0;
  while (node.when[i]->silentMs() != node.silentMs) ++i;
  return node.next[i];
}

/// The branch to take, or Node::none where the matchers need more bytes.
uint32_t chooseBranch(Context& c, const Node& node, const Session& s) {
  if (s.head && !s.head->ended && s.head->size() == 0 && s.head->silentAtMs <= c.now()) return silentBranch(node);
  const std::span<const uint8_t> head = s.head ? s.head->bytes() : std::span<const uint8_t>();
  const MatchInput input{s.downstream, head.first(std::min<size_t>(head.size(), node.head.maxBytes)), s.head && s.head->ended};
  for (size_t i = 0; i < node.when.size(); ++i) {
    switch (node.when[i]->match(input)) {
      case Match::yes: return node.next[i];
      case Match::no: break;
      case Match::more: return Node::none;
    }
  }
  return node.next.back();
}

void waitForBranch(Context& c, Session& s, const Node& node) {
  const bool enters = !s.head || !s.head->entered;
  if (!enterHeadNode(c, s, node.head)) return;
  if (enters) s.head->silentAtMs = deadlineAfter(c.now(), node.silentMs);
  mayWait(c, s, node.head);
}

void startSink(Context& c, Session& s, const Node& node) {
  if (s.head) s.head->deadlineMs = UINT64_MAX;
  if (!tellProxiedTo(c, s, node)) return c.defer(s);
  switch (node.op) {
    case Op::forward: return dial(c, s);
    case Op::destination: return dialAsked(c, s);
    case Op::close: return lingerSession(c, s, Reason::closedByPlan);
    case Op::reset: return resetSession(c, s, Reason::resetByPlan);
    default: return beginRelaying(c, s);
  }
}

}  // namespace

void walk(Context& c, Session& s) {
  while (s.phase == Phase::head) {
    const Node& node = c.nodeOf(s);
    switch (node.op) {
      case Op::allow:
        if (!node.allow->admits(s.downstream)) return turnAway(c, s, Reason::denied);
        leaveHeadNode(s, node.next[0]);
        break;
      case Op::deny:
        if (!node.deny->admits(s.downstream)) return turnAway(c, s, Reason::denied);
        leaveHeadNode(s, node.next[0]);
        break;
      case Op::limit:
        if (node.limit->admit(s.downstream, c.now()) == LimitStage::Admission::refused) return turnAway(c, s, Reason::limited);
        leaveHeadNode(s, node.next[0]);
        break;
      case Op::proxyProtocol:
        if (!passProxyHeader(c, s, node)) return;
        leaveHeadNode(s, node.next[0]);
        break;
      case Op::negotiate:
        if (!negotiate(c, s, node)) return;
        break;
      case Op::route: {
        const uint32_t branch = chooseBranch(c, node, s);
        if (branch == Node::none) return waitForBranch(c, s, node);
        leaveHeadNode(s, branch);
        break;
      }
      case Op::ask:
        return ask(c, s, node);
      default:
        return startSink(c, s, node);
    }
  }
}

void headReady(Context& c, Session& s, uint32_t events) {
  Side& side = s.sides[0];
  Head& head = *s.head;
  if (!(side.watched & watchIn)) {  // a verdict is due: only a reset is of interest
    if (const int error = sys::socketError(side.fd.get())) {
      s.error = error;
      return endSession(c, s, Reason::resetByDownstream);
    }
    if (events & (EPOLLERR | EPOLLHUP)) {
      side.hungUp = true;
      unwatch(c, s, 0);
    }
    return;
  }
  const auto room = head.room(c.nodeOf(s).head.maxBytes);
  if (room.empty()) return resetSession(c, s, Reason::pendingLimit);
  const ssize_t got = sys::recv(side.fd.get(), room.data(), room.size());
  if (got < 0) {
    if (sys::wouldBlock(got)) return;
    s.error = int32_t(-got);
    return endSession(c, s, Reason::resetByDownstream);
  }
  if (got == 0) head.ended = true;
  head.added(size_t(got));
  ByteCounts& bytes = c.bytesOf(s, toUpstream);
  bytes.received += uint64_t(got);
  bytes.pending += uint64_t(got);
  walk(c, s);
}

void headTimedOut(Context& c, Session& s) {
  if (c.now() < s.head->deadlineMs) return walk(c, s);  // it has been silent for long enough
  resetSession(c, s, Reason::headTimeout);
}

void headNeedsMore(Context& c, Session& s) {
  s.head->verdictDue = false;
  mayWait(c, s, c.nodeOf(s).head);
}

void headAnswered(Context& c, Session& s, uint32_t branch, size_t consumed, std::span<const uint8_t> bytes) {
  const Node& node = c.nodeOf(s);
  if (branch >= node.next.size()) return resetSession(c, s, Reason::handlerError);
  Head& head = *s.head;
  consumed = std::min(consumed, head.size());
  if (consumed > 0 || !bytes.empty()) {
    if (!head.replace(consumed, bytes)) return resetSession(c, s, Reason::pendingLimit);
    ByteCounts& counts = c.bytesOf(s, toUpstream);
    counts.consumed += consumed;
    counts.produced += bytes.size();
    counts.pending += bytes.size();
    counts.pending -= consumed;
  }
  leaveHeadNode(s, node.next[branch]);
  walk(c, s);
}

void beginRelaying(Context& c, Session& s) {
  const Node& node = c.nodeOf(s);
  const Settings& settings = node.settings;
  s.phase = Phase::relaying;
  s.opened = true;
  s.progressMs = c.now();
  s.phaseDeadlineMs = s.wakeMs = UINT64_MAX;
  c.loop.timers().cancel(s);  // what it was armed for on the way here would only wake the loop
  if (settings.throttle[0].bytesPerSecond || settings.throttle[1].bytesPerSecond) {
    s.buckets = std::make_unique<TokenBucket[]>(2);
    for (unsigned d = 0; d < 2; ++d) s.buckets[d].configure(settings.throttle[d].bytesPerSecond, settings.throttle[d].burstBytes, c.now());
  }
  if (settings.keepAlive) {
    for (const Side& side : s.sides) {
      if (side.fd) applyKeepAlive(side.fd.get(), *settings.keepAlive);
    }
  }
  if (s.known || c.options.wantEvents) c.outbox.push(c.record(RecordKind::open, s));
  if (node.op == Op::stream) {
    s.known = true;
    c.outbox.push(c.record(RecordKind::started, s));
  }
  if (s.head) deliverHead(c, s);
}

void deliverHead(Context& c, Session& s) {
  const Node& node = c.nodeOf(s);
  const bool stream = node.op == Op::stream;
  Head& head = *s.head;
  ByteCounts& counts = c.bytesOf(s, toUpstream);
  if (stream || node.settings.transform[toUpstream]) {
    // In pieces: what `replace` put in may be more than the arena holds, and one chunk at a time is with JS.
    const size_t piece = std::min(head.size(), c.outbox.room().size());
    if (piece > 0) {
      counts.pending -= piece;
      crossBytes(c, s, stream ? RecordKind::data : RecordKind::chunk, toUpstream, head.bytes().first(piece));
      head.delivered(piece);
    }
    if (head.size() > 0) return c.defer(s);
  }
  const std::unique_ptr<Head> whole = std::move(s.head);
  if (whole->size() > 0) {
    counts.pending -= whole->size();
    relayBytes(c, s, toUpstream, whole->bytes());
  }
  if (whole->ended && s.phase == Phase::relaying && !s.sides[0].eof) sourceEnded(c, s, 0);
  if (s.phase == Phase::relaying && s.sides[1].eof && s.settled(toDownstream)) pumpDrained(c, s, toDownstream);  // JS has said end() meanwhile
}

}  // namespace millrace
