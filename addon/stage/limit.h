// The stage `limit`: how many sessions may be open, altogether and per address, and how many may begin in a second.
// Owns the counts, keyed by address without port; an address without a session has no entry. Any thread: all shards of a pipeline
// have the same one. Does not fail: a session is admitted or refused, and a refused one holds no count and no token.
// Every admitted session is released exactly once with the same peer. Rates allow a burst of one second. 0 is no limit.
// A peer without an IP address (unix) counts only against the limits that are not per address.
#pragma once

#include <cstddef>
#include <cstdint>
#include <mutex>
#include <vector>

#include "core/peer_address.h"
#include "stage/throttle.h"

namespace millrace {

class LimitStage {
 public:
  enum class Admission : uint8_t { admitted, refused };

  LimitStage(uint64_t maxSessions, uint64_t maxSessionsPerAddress, uint64_t newSessionsPerSecond);

  Admission admit(const PeerAddress& peer, uint64_t nowMs);
  void release(const PeerAddress& peer);

  uint64_t sessions() const {
    const std::lock_guard lock(mutex_);
    return sessions_;
  }
  size_t addresses() const {
    const std::lock_guard lock(mutex_);
    return addresses_;
  }

 private:
  struct Entry {
    PeerAddress peer;    // its port is of no meaning
    uint32_t count = 0;  // 0: the place is free
  };

  bool countsAddress(const PeerAddress& peer) const;
  size_t home(const PeerAddress& peer) const;
  size_t find(const PeerAddress& peer) const;
  void grow();
  void erase(size_t place);

  uint64_t maxSessions_;
  uint64_t maxSessionsPerAddress_;
  uint64_t newSessionsPerSecond_;
  uint64_t seed_;
  mutable std::mutex mutex_;  // guards what follows
  uint64_t sessions_ = 0;
  size_t addresses_ = 0;
  TokenBucket rate_;
  bool rateStarted_ = false;
  std::vector<Entry> table_;  // linear probing, a power of two, at most half full
};

}  // namespace millrace
