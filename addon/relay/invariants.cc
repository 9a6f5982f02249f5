#include "relay/invariants.h"

#include <cassert>

#include "relay/interest.h"

#ifdef MILLRACE_DEBUG

namespace millrace {
namespace {

void assertWatched(Context& c, const Session& s) {
  for (unsigned side = 0; side < 2; ++side) {
    const Side& it = s.sides[side];
    if (!it.fd) continue;
    const uint8_t wanted = interestOf(c, s, side) & (watchIn | watchOut);
    assert((it.watched & (watchIn | watchOut)) == wanted);
  }
}

/// A pump's pipe holds something, and as much as the kernel says.
void addPipe(PipeCounts& counts, const Pipe& pipe) {
  assert(pipe.size() > 0 && pipe.size() == pipe.measured());
  ++counts.inUse;
  counts.capacityBytes += pipe.capacity();
  counts.bytes += pipe.size();
}

bool same(const PipeCounts& a, const PipeCounts& b) { return a.inUse == b.inUse && a.capacityBytes == b.capacityBytes && a.bytes == b.bytes; }

}  // namespace

void assertInvariants(Context& c, bool arenaEmpty) {
  std::vector<std::array<uint64_t, 2>> held(c.plans.size());
  std::vector<PipeCounts> pipes(c.plans.size());
  c.sessions.forEach([&](Token, Session& s) {
    if (s.phase == Phase::closed) return;
    for (unsigned d = 0; d < 2; ++d) {
      held[s.plan][d] += s.pumps[d].pendingBytes();
      if (const Pipe* pipe = s.pumps[d].pipe) addPipe(pipes[s.plan], *pipe);
    }
    if (const auto found = c.associations.find(s.token.index); found != c.associations.end()) held[s.plan][toUpstream] += found->second->heldBytes;
    if (s.head) held[s.plan][toUpstream] += s.head->size();
    assertWatched(c, s);
  });
  PipeCounts inAll{};
  for (size_t p = 0; p < c.plans.size(); ++p) {
    assert(same(pipes[p], c.plans[p]->ledger.now.pipes));
    inAll.inUse += pipes[p].inUse;
    inAll.capacityBytes += pipes[p].capacityBytes;
    inAll.bytes += pipes[p].bytes;
    for (unsigned d = 0; d < 2; ++d) {
      const ByteCounts& bytes = c.plans[p]->ledger.now.bytes[d];
      assert(bytes.received + bytes.produced == bytes.sent + bytes.consumed + bytes.dropped + bytes.pending);
      assert(!arenaEmpty || c.plans[p]->plan.datagram || bytes.pending == held[p][d]);
    }
  }
  assert(same(inAll, c.pipesHeld) && inAll.capacityBytes <= c.options.maxPipeBytes);
}

void assertPublished(const Context& c) {
  for (const auto& of : c.plans) {
    const CounterValues published = of->ledger.read();
    assert(std::memcmp(published.data(), &of->ledger.now, sizeof of->ledger.now) == 0);
  }
}

}  // namespace millrace

#else

void millrace::assertInvariants(Context&, bool) {}
void millrace::assertPublished(const Context&) {}

#endif
