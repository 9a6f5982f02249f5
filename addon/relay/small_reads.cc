#include "relay/small_reads.h"

#include <array>
#include <utility>

#include "core/sys.h"
#include "relay/bulk.h"
#include "relay/interest.h"
#include "relay/pair.h"
#include "relay/pump.h"

namespace millrace {
namespace {

constexpr size_t share = Context::smallReadBytes;

bool mayShare(Context& c, const Session& s, unsigned side) {
  const Node& node = c.nodeOf(s);
  const Pump& pump = s.pumps[side];
  return c.calls.isOne() && pump.small && !pump.transport.splices(c.options.transport) && node.op == Op::forward && !node.settings.transform[side] && !s.buckets &&
         node.settings.highWaterBytes >= share;
}

/// What one read has brought, and what became of it.
struct Small {
  Session* session;
  unsigned side;
  ssize_t got;
  std::span<const uint8_t> bytes;  // to be sent; empty where there is nothing, or nowhere to go
};

/// The session, if that side of it may still be read.
Session* toRead(Context& c, Token token, unsigned side) {
  Session* const s = c.sessions.find(token);
  return s && s->phase == Phase::relaying && interestOf(c, *s, side) & watchIn ? s : nullptr;
}

/// Receives for whoever may still be read.
size_t receive(Context& c, std::span<Small, CallBatch::most> into) {
  size_t count = 0;
  for (const auto& [token, side] : c.readable) {
    Session* const s = toRead(c, token, side);
    if (!s) continue;
    into[count] = {s, side, 0, {}};
    c.calls.recv(s->sides[side].fd.get(), c.hot.data() + count * share, share);
    ++count;
  }
  c.readable.clear();
  const auto results = c.calls.run();
  for (size_t i = 0; i < count; ++i) into[i].got = results[i];
  return count;
}

/// Counts what has come, and sends what has somewhere to go.
void send(Context& c, std::span<Small> list) {
  for (size_t i = 0; i < list.size(); ++i) {
    Small& one = list[i];
    if (one.got <= 0) continue;
    noteReceived(c, *one.session, one.side, size_t(one.got));
    one.bytes = {c.hot.data() + i * share, size_t(one.got)};
    if (!takesNow(c, *one.session, one.side)) {
      deliver(c, *one.session, one.side, std::exchange(one.bytes, {}));
      continue;
    }
    c.calls.send(one.session->sides[1 - one.side].fd.get(), one.bytes.data(), one.bytes.size());
  }
  const auto results = c.calls.run();
  size_t at = 0;
  for (Small& one : list) {
    if (!one.bytes.empty()) delivered(c, *one.session, one.side, one.bytes, results[at++]);
  }
}

/// One by one, so that who finds no room waits for it.
void readEach(Context& c) {
  for (const auto& [token, side] : std::exchange(c.readable, {})) {
    Session* const s = toRead(c, token, side);
    if (!s) continue;
    sourceReady(c, *s, side);
    settle(c, *s);
  }
}

}  // namespace

void readSoon(Context& c, Session& s, unsigned side) {
  if (isBulk(c, s, side)) return readInTurn(c, s, side);
  if (!mayShare(c, s, side)) return sourceReady(c, s, side);
  c.readable.push_back({s.token, side});
  if (c.readable.size() == CallBatch::most) readTogether(c);
}

void readTogether(Context& c) {
  if (c.readable.empty()) return;
  // All of them may be refused, and each takes a block then.
  if (c.roomBytes() < c.readable.size() * Block::capacity) return readEach(c);
  std::array<Small, CallBatch::most> all;
  const auto list = std::span(all).first(receive(c, all));
  send(c, list);
  // What ends a session comes after what others of its bytes have to be sent.
  for (const Small& one : list) {
    if (one.got <= 0 && one.session->phase == Phase::relaying) readEnded(c, *one.session, one.side, one.got);
  }
  for (const Small& one : list) settle(c, *one.session);
}

}  // namespace millrace
