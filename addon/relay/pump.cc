// Longer than 250 lines: what becomes of bytes from a read to a write, one step after the other.
#include "relay/pump.h"

#include <algorithm>
#include <cassert>
#include <utility>

#include "core/sys.h"
#include "relay/answer.h"
#include "relay/bulk.h"
#include "relay/dial.h"
#include "relay/ending.h"
#include "relay/pair.h"
#include "relay/splicing.h"

namespace millrace {
namespace {

/// Below this there is no point in a read for JS: the arena is empty again at the turn's end.
constexpr size_t minArenaRead = 16 * 1024;
constexpr uint64_t throttleStepMs = 20;

enum class Target : uint8_t { socket, downstream, nowhere, js };

Target targetOf(Context& c, const Session& s, unsigned direction) {
  const Node& node = c.nodeOf(s);
  if (node.op == Op::stream || node.settings.transform[direction]) return Target::js;
  if (answersItself(node.op)) return Target::downstream;
  return node.op == Op::discard ? Target::nowhere : Target::socket;
}

/// Tokens a direction may spend; 0 puts it to sleep until there are enough for a worthwhile step.
uint64_t allowance(Context& c, Session& s, unsigned direction) {
  if (!s.buckets) return UINT64_MAX;
  TokenBucket& bucket = s.buckets[direction];
  const uint64_t tokens = bucket.available(c.now());
  if (tokens > 0) return tokens;
  const Rate& rate = c.settingsOf(s).throttle[direction];
  const uint64_t step = std::clamp<uint64_t>(rate.bytesPerSecond * throttleStepMs / 1000, 1, rate.burstBytes);
  s.pumps[direction].throttled = true;
  s.wakeMs = std::min(s.wakeMs, c.now() + bucket.msUntil(step, c.now()));
  return 0;
}

void spend(Session& s, unsigned direction, uint64_t bytes) {
  if (s.buckets) s.buckets[direction].take(bytes);
}

/// How much may be read now so that all of it could be kept; 0: not now, and the pump is marked with why.
size_t readLimit(Context& c, Session& s, unsigned direction, Op op, uint64_t limit) {
  const size_t available = c.roomBytes();
  if (available < Block::capacity) {
    s.pumps[direction].starved = true;
    c.starved.push_back(s.token);
    return 0;
  }
  // The fuller the pool, the smaller the share of one more session: late comers always find something.
  limit = std::min<uint64_t>(limit, std::max<uint64_t>(Block::capacity, available / 4));
  if (op == Op::stun) limit = std::max<uint64_t>(limit / 16, 1);  // what goes back may be as many times longer
  limit = std::min(limit, allowance(c, s, direction));
  if (op == Op::echo && limit > 0) {
    limit = std::min(limit, allowance(c, s, toDownstream));
    if (s.pumps[toDownstream].throttled) s.pumps[direction].throttled = true;
  }
  return size_t(limit);
}

}  // namespace

void sourceReady(Context& c, Session& s, unsigned side) {
  if (s.pumps[side].crossing > 0) return;  // one chunk of a direction at a time is with JS, so its answers keep their order
  const Target target = targetOf(c, s, side);
  const Op op = c.nodeOf(s).op;
  const Settings& settings = c.settingsOf(s);
  Pipe* pipe = target == Target::socket ? pipeFor(c, s, side) : nullptr;
  // What is refused stays in the pipe only if that is not the last one.
  const uint64_t mark = pipe && c.pipes.hasAnother() ? std::min<uint64_t>(PipePool::pipeBytes, settings.pipedHighWaterBytes) : std::min<uint64_t>(c.hot.size(), settings.highWaterBytes);
  size_t limit = readLimit(c, s, side, op, std::min<uint64_t>(mark, stepBytes(c)));
  if (limit == 0) {
    if (pipe) c.pipes.give(pipe);
    return;
  }
  uint8_t* into = c.hot.data();
  if (target == Target::js) {
    const auto room = c.outbox.room();
    if (room.size() < std::min(limit, minArenaRead)) return;
    limit = std::min(limit, room.size());
    into = room.data();
  }
  const int from = s.sides[side].fd.get();
  const auto copied = [&] { return sys::recv(from, into, std::min(limit, c.hot.size())); };
  TransportChoice& choice = s.pumps[side].transport;
  ssize_t got = pipe ? pipe->fill(from, limit) : copied();
  if (pipe && got <= 0) {
    c.pipes.give(std::exchange(pipe, nullptr));
    if (Pipe::refused(got)) choice.refuse();
    if (Pipe::refused(got) || sys::wouldBlock(got)) got = copied();
  }
  if (got > 0) {
    const auto count = size_t(got);
    noteReceived(c, s, side, count);
    spend(s, side, count);
    if (op == Op::echo) spend(s, toDownstream, count);
    if (pipe) {
      deliverPipe(c, s, side, pipe);
    } else if (target == Target::js) {
      crossBytes(c, s, c.nodeOf(s).op == Op::stream ? RecordKind::data : RecordKind::chunk, side, {into, count});
    } else {
      relayBytes(c, s, side, {into, count});
    }
  } else {
    readEnded(c, s, side, got);
  }
}

void noteReceived(Context& c, Session& s, unsigned side, size_t count) {
  c.bytesOf(s, side).received += count;
  s.progressMs = c.now();
  s.pumps[side].transport.noteRead(count);
  if (side == 0 && s.pumps[toUpstream].sent > 0) sendAtOnce(s.sides[1]);
  const bool small = count < Context::smallReadBytes;
  // Not what a throttle has cut into pieces, nor what bulk the other way is answered with.
  if (small && s.pumps[side].small && s.pumps[1 - side].small && !s.buckets) noteMessages(c, 1);
  s.pumps[side].small = small;
}

void readEnded(Context& c, Session& s, unsigned side, ssize_t got) {
  if (got == 0) return sourceEnded(c, s, side);
  if (sys::wouldBlock(got)) return;
  s.error = int32_t(-got);
  sourceFailed(c, s, side);
}

void crossBytes(Context& c, Session& s, RecordKind kind, unsigned direction, std::span<const uint8_t> bytes) {
  const auto room = c.outbox.room();
  assert(bytes.size() <= room.size());
  if (bytes.data() != room.data() && !bytes.empty()) std::copy(bytes.begin(), bytes.end(), room.begin());
  Record r = c.record(kind, s);
  r.offset = double(c.outbox.keep(bytes.size()));
  r.length = double(bytes.size());
  r.value = direction;
  c.outbox.push(r);
  s.known = true;
  if (kind == RecordKind::chunk) {
    ++s.pumps[direction].crossing;
    c.crossingBytes += BlockPool::whole(bytes.size());
  }
  ByteCounts& counts = c.bytesOf(s, direction);
  counts.crossed += bytes.size();
  counts.pending += bytes.size();
}

void relayBytes(Context& c, Session& s, unsigned direction, std::span<const uint8_t> bytes) {
  switch (c.nodeOf(s).op) {
    case Op::echo:
      if (direction == toUpstream) {
        c.bytesOf(s, toUpstream).consumed += bytes.size();
        c.bytesOf(s, toDownstream).produced += bytes.size();
      }
      return deliver(c, s, toDownstream, bytes);
    case Op::stun:
      if (direction == toUpstream) return answerStream(c, s, bytes);
      return deliver(c, s, direction, bytes);
    case Op::discard:
      if (direction == toUpstream) {
        c.bytesOf(s, toUpstream).consumed += bytes.size();
        return;
      }
      return deliver(c, s, direction, bytes);
    default:
      return deliver(c, s, direction, bytes);
  }
}

void deliver(Context& c, Session& s, unsigned direction, std::span<const uint8_t> bytes) {
  Pump& pump = s.pumps[direction];
  ByteCounts& counts = c.bytesOf(s, direction);
  const Side& to = s.sides[1 - direction];
  if (pump.broken || !to.fd || to.fin) {
    counts.dropped += bytes.size();
    return;
  }
  delivered(c, s, direction, bytes, takesNow(c, s, direction) && !bytes.empty() ? sys::send(to.fd.get(), bytes.data(), bytes.size()) : -EAGAIN);
}

bool takesNow(Context& c, const Session& s, unsigned direction) {
  const Pump& pump = s.pumps[direction];
  const Side& to = s.sides[1 - direction];
  return !pump.holds() && !pump.broken && to.fd && !to.fin && !(s.buckets && isHeldAtExit(c.nodeOf(s).op));
}

void delivered(Context& c, Session& s, unsigned direction, std::span<const uint8_t> bytes, ssize_t put) {
  Pump& pump = s.pumps[direction];
  ByteCounts& counts = c.bytesOf(s, direction);
  const size_t sent = size_t(std::max<ssize_t>(put, 0));
  if (sent > 0) {
    counts.sent += sent;
    pump.sent += sent;
    s.progressMs = c.now();
  }
  if (sent == bytes.size()) return;
  const bool failed = put < 0 && !sys::wouldBlock(put);
  if (failed || pump.broken || s.phase == Phase::closed) {
    counts.dropped += bytes.size() - sent;
    if (!failed || s.phase == Phase::closed) return;
    s.error = int32_t(-put);
    return destinationFailed(c, s, direction);
  }
  const bool throttledHere = s.buckets && isHeldAtExit(c.nodeOf(s).op);
  const auto rest = bytes.subspan(sent);
  const size_t kept = pump.pending.push(c.pool, rest);
  counts.pending += kept;
  if (kept < rest.size()) {  // only what JS writes can be more than was left room for
    counts.dropped += rest.size() - kept;
    return resetSession(c, s, Reason::pendingLimit);
  }
  if (throttledHere) flushPending(c, s, direction);
}

void flushPending(Context& c, Session& s, unsigned direction) {
  Pump& pump = s.pumps[direction];
  const int fd = s.sides[1 - direction].fd.get();
  const bool throttledHere = s.buckets && s.phase == Phase::relaying && isHeldAtExit(c.nodeOf(s).op);
  ByteCounts& counts = c.bytesOf(s, direction);
  if (direction == toUpstream && pump.sent > 0) sendAtOnce(s.sides[1]);
  if (pump.pipe && !flushPipe(c, s, direction)) return;
  while (!pump.pipe && !pump.pending.empty()) {
    iovec vectors[32];
    size_t used = pump.pending.peek(vectors);
    size_t total = 0;
    const uint64_t allowed = throttledHere ? allowance(c, s, direction) : UINT64_MAX;
    if (allowed == 0) break;
    for (size_t i = 0; i < used; ++i) {
      vectors[i].iov_len = std::min<uint64_t>(vectors[i].iov_len, allowed - total);
      total += vectors[i].iov_len;
    }
    msghdr message{};
    message.msg_iov = vectors;
    message.msg_iovlen = used;
    const ssize_t put = sys::sendmsg(fd, message);
    if (put < 0) {
      if (sys::wouldBlock(put)) break;
      s.error = int32_t(-put);
      return destinationFailed(c, s, direction);
    }
    const auto count = size_t(put);
    pump.pending.consume(c.pool, count);
    counts.pending -= count;
    counts.sent += count;
    pump.sent += count;
    s.progressMs = c.now();
    if (throttledHere) spend(s, direction, count);
    if (count < total) break;
  }
  if (pump.drainDue && pump.pendingBytes() <= c.settingsOf(s).highWaterBytes / 2) {
    pump.drainDue = false;
    c.outbox.push(c.record(RecordKind::drain, s));
  }
  if (s.settled(direction)) pumpDrained(c, s, direction);
}

}  // namespace millrace
