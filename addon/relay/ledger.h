// Ledger: what one plan has received and what became of it (internal). The loop's thread counts into plain integers and publishes
// them at the end of a turn, when they balance; any thread reads the published copy without a lock and sees one whole turn or the next.
// Invariant, per direction, at every turn's end: received + produced == sent + consumed + dropped + pending, for bytes and for datagrams.
// `pending` is counted where they enter and leave queues, not computed from the others, so that a lost one shows.
#pragma once
#include <array>
#include <atomic>
#include <cstdint>
#include <cstring>

#include "relay/datagram/drop_reason.h"
#include "relay/reason.h"

namespace millrace {

enum Direction : uint8_t { toUpstream = 0, toDownstream = 1 };

struct ByteCounts {
  uint64_t received, produced, sent, consumed, dropped, pending, crossed;
};

/// Of one direction, beside its ByteCounts.
struct DatagramCounts {
  uint64_t received, produced, sent, consumed, pending, crossed;
  uint64_t dropped[dropReasons];
  uint64_t droppedBytes[dropReasons];
};

/// Pipes that hold pending bytes, and what they would hold if these came in full pages.
struct PipeCounts {
  uint64_t inUse, capacityBytes, bytes;
};

struct Counters {
  uint64_t accepted, open, closed;
  ByteCounts bytes[2];
  uint64_t reasons[reasonNames.size()];
  DatagramCounts datagrams[2];
  uint64_t icmpErrors;              // told by the socket of a flow, about datagrams that count as sent
  uint64_t segmentedSends;          // sends of several datagrams as one, by UDP_SEGMENT
  uint64_t segmentationFallbacks;   // of those, refused and sent again one by one
  PipeCounts pipes;
};
inline constexpr size_t counterCount = sizeof(Counters) / sizeof(uint64_t);
using CounterValues = std::array<uint64_t, counterCount>;

class Ledger {
 public:
  /// The loop thread's own.
  Counters now{};

  void publish() {
    CounterValues values;
    std::memcpy(values.data(), &now, sizeof now);
    const uint64_t turn = sequence_.load(std::memory_order_relaxed);
    sequence_.store(turn + 1, std::memory_order_relaxed);
    std::atomic_thread_fence(std::memory_order_release);
    for (size_t i = 0; i < counterCount; ++i) published_[i].store(values[i], std::memory_order_relaxed);
    sequence_.store(turn + 2, std::memory_order_release);
  }

  CounterValues read() const {
    CounterValues values;
    for (;;) {
      const uint64_t before = sequence_.load(std::memory_order_acquire);
      for (size_t i = 0; i < counterCount; ++i) values[i] = published_[i].load(std::memory_order_relaxed);
      std::atomic_thread_fence(std::memory_order_acquire);
      if (before % 2 == 0 && sequence_.load(std::memory_order_relaxed) == before) return values;
    }
  }

 private:
  std::atomic<uint64_t> sequence_{0};
  std::array<std::atomic<uint64_t>, counterCount> published_{};
};

}  // namespace millrace
