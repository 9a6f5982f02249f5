// ReadShare: what one listener may read in a turn where every datagram is walked by itself, and so costs its own time, whatever train the kernel has
// joined it to (internal). A value for one turn. One loop's thread only.
// How long the trains of a read are is known only after it, so a read asks for as many slots as are within the share if they are as long as lately. That
// is forgotten by one a read: a peer that wants to surprise a listener with 64 trains of 64 has to send single ones for as many reads before.
// Invariant: between reads, a share that is used up stays so; one read goes beyond it by 64 trains at most.
#pragma once
#include <algorithm>

#include "core/datagram_receiver.h"
#include "core/datagram_train.h"

namespace millrace {

/// The longest of what a listener has received lately. Nothing is known at first, so the longest there can be.
struct SlotSize {
  static constexpr uint32_t mostDatagrams = 64;  // UDP_GRO joins no more
  uint32_t datagrams = mostDatagrams;
  uint32_t bytes = 1024;
};

class ReadShare {
 public:
  static constexpr uint32_t mostDatagrams = 1024;
  static constexpr uint32_t mostBytes = 1024 * 1024;

  explicit ReadShare(SlotSize& lately) : lately_(lately) {}

  /// How many slots a read may ask for; 0: enough for this turn.
  unsigned slots() const {
    if (datagrams_ >= mostDatagrams || bytes_ >= mostBytes) return 0;
    const uint32_t within = std::min((mostDatagrams - datagrams_) / lately_.datagrams, (mostBytes - bytes_) / lately_.bytes);
    return std::clamp(within, 1u, DatagramReceiver::most);
  }

  void beginRead() {
    lately_.datagrams -= lately_.datagrams > 1;
    lately_.bytes -= lately_.bytes / 64;
  }
  void take(const Received& received) {
    const uint32_t count = datagramsIn(received.length, received.segment);
    datagrams_ += count;
    bytes_ += received.length;
    lately_.datagrams = std::max(lately_.datagrams, count);
    lately_.bytes = std::max(lately_.bytes, received.length);
  }

 private:
  SlotSize& lately_;
  uint32_t datagrams_ = 0;
  uint32_t bytes_ = 0;
};

}  // namespace millrace
