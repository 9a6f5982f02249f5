#include "relay/bulk.h"

#include <algorithm>

#include "relay/interest.h"
#include "relay/pair.h"
#include "relay/pump.h"

namespace millrace {
namespace {

/// Of those who wait, one of so many takes its step in any case: each of the others is told of once more by the next epoll_wait(2).
constexpr size_t share = 16;
/// A step, and all steps of a turn, while there are messages: shorter ones cost bulk more than they spare messages.
constexpr size_t shortStepBytes = 64 * 1024;
/// All steps of a turn while there are none.
constexpr size_t turnBytes = 1024 * 1024;
/// Messages that take about as long as a short step.
constexpr size_t messagesAStep = 8;
/// How long the last message says that there will be others.
constexpr uint64_t expectsMs = 10;

bool expectsMessages(const Context& c) { return c.now() < c.messageMs + expectsMs; }

size_t shortBytes(const Context& c) { return shortStepBytes * std::max<size_t>(1, c.messages / messagesAStep); }

/// How many bytes it has moved.
uint64_t act(Context& c, Session& s, unsigned direction, bool write) {
  if (s.phase != Phase::relaying) return 0;
  const auto moved = [&] { return write ? s.pumps[direction].sent : c.bytesOf(s, direction).received; };
  const uint64_t before = moved();
  if (write) {
    if (interestOf(c, s, 1 - direction) & watchOut) flushPending(c, s, direction);
  } else {
    if (interestOf(c, s, direction) & watchIn) sourceReady(c, s, direction);
  }
  settle(c, s);
  return moved() - before;
}

}  // namespace

bool isBulk(const Context& c, const Session& s, unsigned side) { return !s.pumps[side].small && !c.isRested(s); }

void readInTurn(Context& c, Session& s, unsigned side) {
  if (s.pumps[side].readWaits) return;
  s.pumps[side].readWaits = true;
  c.bulk.push_back({s.token, uint8_t(side), false});
}

void flushInTurn(Context& c, Session& s, unsigned direction) {
  if (s.pumps[direction].flushWaits) return;
  s.pumps[direction].flushWaits = true;
  c.bulk.push_back({s.token, uint8_t(direction), true});
}

void noteMessages(Context& c, size_t count) {
  c.messageMs = c.now();
  c.messages += count;
}

size_t stepBytes(const Context& c) { return expectsMessages(c) ? shortBytes(c) : SIZE_MAX; }

void takeBulkSteps(Context& c) {
  const size_t waiting = c.bulk.size(), budget = expectsMessages(c) ? shortBytes(c) : turnBytes;
  uint64_t moved = 0;
  for (size_t steps = 0; steps < waiting && (moved < budget || steps * share < waiting); ++steps) {
    const auto [token, direction, write] = c.bulk.front();
    c.bulk.pop_front();
    Session* const s = c.sessions.find(token);
    if (!s) continue;
    Pump& pump = s->pumps[direction];
    write ? pump.flushWaits = false : pump.readWaits = false;
    moved += act(c, *s, direction, write);
  }
  c.messages = 0;
}

void takeBulkSteps(Context& c, Session& s) {
  for (const unsigned direction : {toUpstream, toDownstream}) {
    if (s.pumps[direction].flushWaits) act(c, s, direction, true);
    if (s.pumps[direction].readWaits) act(c, s, direction, false);
  }
}

}  // namespace millrace
