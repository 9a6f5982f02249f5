#include "relay/bulk.h"

#include <algorithm>

#include "relay/interest.h"
#include "relay/pair.h"
#include "relay/pump.h"

namespace millrace {
namespace {

/// Of those who wait, one of so many takes its step between two looks at epoll, which tells of each of the others once more.
constexpr size_t share = 16;
/// A step while there are messages: shorter ones cost bulk more than they spare messages.
constexpr size_t shortStepBytes = 64 * 1024;
/// Messages that take about as long as a short step.
constexpr size_t messagesAStep = 8;
/// How long the last message says that there will be others.
constexpr uint64_t expectsMs = 10;

void act(Context& c, Session& s, unsigned direction, bool write) {
  if (s.phase != Phase::relaying) return;
  if (write) {
    if (interestOf(c, s, 1 - direction) & watchOut) flushPending(c, s, direction);
  } else {
    if (interestOf(c, s, direction) & watchIn) sourceReady(c, s, direction);
  }
  settle(c, s);
}

}  // namespace

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

void noteMessage(Context& c) {
  c.messageMs = c.now();
  ++c.messages;
}

size_t stepBytes(const Context& c) {
  if (c.now() >= c.messageMs + expectsMs) return SIZE_MAX;
  return shortStepBytes * std::max<size_t>(1, c.messages / messagesAStep);
}

void takeBulkSteps(Context& c) {
  for (size_t steps = (c.bulk.size() + share - 1) / share; steps > 0; --steps) {
    const auto [token, direction, write] = c.bulk.front();
    c.bulk.pop_front();
    Session* const s = c.sessions.find(token);
    if (!s) continue;
    Pump& pump = s->pumps[direction];
    write ? pump.flushWaits = false : pump.readWaits = false;
    act(c, *s, direction, write);
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
