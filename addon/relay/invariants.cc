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

}  // namespace

void assertInvariants(Context& c, bool arenaEmpty) {
  std::vector<std::array<uint64_t, 2>> held(c.plans.size());
  c.sessions.forEach([&](Token, Session& s) {
    if (s.phase == Phase::closed) return;
    for (unsigned d = 0; d < 2; ++d) held[s.plan][d] += s.pumps[d].pending.size();
    if (s.head) held[s.plan][toUpstream] += s.head->size();
    assertWatched(c, s);
  });
  for (size_t p = 0; p < c.plans.size(); ++p) {
    for (unsigned d = 0; d < 2; ++d) {
      const ByteCounts& bytes = c.plans[p]->ledger.now.bytes[d];
      assert(bytes.received + bytes.produced == bytes.sent + bytes.consumed + bytes.dropped + bytes.pending);
      assert(!arenaEmpty || c.plans[p]->plan.datagram || bytes.pending == held[p][d]);
    }
  }
}

}  // namespace millrace

#else

void millrace::assertInvariants(Context&, bool) {}

#endif
