// Coalescing: for how long a loop that is busy with datagrams lets more of them gather before it looks again (internal). A value; one loop's thread only.
// A turn with more of them costs less for each: fewer system calls and wake-ups, longer trains, and queues that their senders have let go of. But whoever
// waits for answers before it sends more may send less. So that is tried: epochs with pauses and without take turns, and where as much comes with them, give or take
// a sixteenth of all, they are made for a while. Then it is tried again, the more seldom the longer the answer has been the same.
// A sender whose window fills a turn only after a pause would have none in a trial, until something holds up the loop for a moment, and from then on one after the
// other. So an epoch with pauses begins with some, whatever the turns bring.
// Invariant: no pause where a listener is left unread, nor where a receive buffer might fill up in it.
#pragma once
#include <cstddef>
#include <cstdint>

#include "core/datagram_receiver.h"

namespace millrace {

class Coalescing {
 public:
  static constexpr uint32_t pauseUs = 50;
  static constexpr uint32_t fewest = 8;  // messages of a turn that a pause follows

  /// What the smallest of the receive buffers holds, as setsockopt(2) takes it.
  explicit Coalescing(size_t bufferBytes) : bufferBytes_(bufferBytes) {}

  /// After each turn that a pause may follow: for how many microseconds the next is to wait.
  uint32_t afterTurn(const Taken& turn, bool readAll, uint64_t nowUs);
  /// After one that none may follow.
  void stop();

 private:
  static constexpr uint64_t epochUs = 5'000;
  static constexpr unsigned epochs = 6;  // of a trial: every other one has pauses
  static constexpr unsigned pausesAtFirst = 3;
  static constexpr uint64_t firstHoldUs = 250'000, longestHoldUs = 1'000'000;

  /// What has come in the epochs of one kind.
  struct Intake {
    uint64_t datagrams = 0, us = 0;
  };

  bool hasRoom(const Taken& turn) const;
  void beginTrial(uint64_t nowUs);
  void beginEpoch(bool pausing, uint64_t nowUs);
  void endEpoch(uint64_t nowUs);
  void decide(uint64_t nowUs);

  size_t bufferBytes_;
  bool pausing_ = false;
  bool pays_ = false;        // what the last trial has found
  unsigned epochsLeft_ = 0;  // of a trial; 0: until untilUs_ it is as decided
  unsigned pausesLeft_ = 0;  // with which an epoch begins
  uint64_t untilUs_ = 0;
  uint64_t holdUs_ = 0;
  uint64_t beganUs_ = 0;
  uint64_t datagrams_ = 0;   // of this epoch
  Intake with_, without_;
};

}  // namespace millrace
