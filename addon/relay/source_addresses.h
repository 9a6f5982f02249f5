// SourceAddresses: where a forward connects from (internal). Part of a plan; one loop's thread only. The addresses of a family take turns. To say that
// an address has no port left takes the kernel a walk over all of them (60 µs a thousand), so such a one is only asked again within a second where the others have none either,
// and then only some of them, in turn: a loop that has run out of ports goes on with the sessions that it has.
// Invariant: what fromEach() returns says "no port" only where every address of the family had none within the last second.
#pragma once
#include <errno.h>

#include <vector>

#include "core/address.h"

namespace millrace {

class SourceAddresses {
 public:
  void add(const SocketAddress& address) { turnOf(address.family())->sources.push_back({address}); }

  /// Runs `attempt`, which returns 0 or -errno, with one address after the other until it says something else than that this one has no port, or is
  /// not of this machine; of those that rest, `mostResting`. Where none has the family, once with null: the kernel chooses.
  template <class Attempt>
  int fromEach(int family, uint64_t nowMs, size_t mostResting, Attempt&& attempt) {
    Turn* turn = turnOf(family);
    if (!turn || turn->sources.empty()) return attempt(nullptr);
    const size_t count = turn->sources.size();
    const size_t first = turn->next;
    ++turn->round;
    int result = 0;
    for (const bool restingToo : {false, true}) {
      for (size_t i = 0; i < count; ++i) {
        const size_t at = (first + i) % count;
        Source& source = turn->sources[at];
        if (source.triedIn == turn->round || (!restingToo && source.restsUntilMs > nowMs)) continue;
        if (restingToo && mostResting-- == 0) break;
        source.triedIn = turn->round;
        const int said = attempt(&source.address);
        if (!hasNoPort(said)) {
          turn->next = (at + 1) % count;
          return said;
        }
        source.restsUntilMs = nowMs + restMs;
        if (restingToo) turn->next = (at + 1) % count;
        // EADDRNOTAVAIL may mean an address that is not ours; the others do not, and who has flows to end can make room then.
        if (result == 0 || said != -EADDRNOTAVAIL) result = said;
      }
    }
    return result;
  }

 private:
  static constexpr uint64_t restMs = 1000;

  struct Source {
    SocketAddress address;
    uint64_t restsUntilMs = 0;
    uint64_t triedIn = 0;
  };
  struct Turn {
    std::vector<Source> sources;
    size_t next = 0;
    uint64_t round = 0;
  };

  /// TCP's connect(2) says EADDRNOTAVAIL, as bind(2) does of an address that is not ours; UDP's bind(2) EADDRINUSE, and its connect(2) EAGAIN.
  static bool hasNoPort(int result) { return result == -EADDRNOTAVAIL || result == -EADDRINUSE || result == -EAGAIN; }

  Turn* turnOf(int family) { return family == AF_INET ? &turns_[0] : family == AF_INET6 ? &turns_[1] : nullptr; }

  Turn turns_[2];  // of IPv4, of IPv6
};

}  // namespace millrace
