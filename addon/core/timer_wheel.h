// All timeouts of one loop: a hierarchical wheel of 1 ms ticks, eleven levels of 64 slots, so that every 64-bit time has a place.
// Owns no timer: a Timer is a member of what waits, and must be cancelled before that is destroyed or moved. Loop thread only.
// Nothing here fails. A timer never fires before its deadline; a deadline in the past counts as now and fires at the next
// `advance`; UINT64_MAX counts as UINT64_MAX - 1. Fired in order of deadline, and of arming where deadlines are equal.
// Inside `expired` every timer may be armed or cancelled, also itself and others due now; `advance` may not be called there.
// Invariant: a timer of level L agrees with now in all 6-bit digits above L and its digit L is greater than now's, so the first
// occupied slot of the lowest occupied level holds the earliest deadline, and no slot ever wraps.
#pragma once

#include <cassert>
#include <cstddef>
#include <cstdint>
#include <utility>

namespace millrace {

struct Timer {
  Timer* next = nullptr;
  Timer* prev = nullptr;
  uint64_t deadlineMs = 0;

  Timer() = default;
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;

  bool armed() const { return next != nullptr; }
};

static_assert(sizeof(Timer) == 24);

class TimerWheel {
 public:
  explicit TimerWheel(uint64_t nowMs);
  TimerWheel(const TimerWheel&) = delete;
  TimerWheel& operator=(const TimerWheel&) = delete;

  // Arms, or moves a timer that is armed.
  void arm(Timer& timer, uint64_t deadlineMs);

  // Does nothing to a timer that is not armed.
  void cancel(Timer& timer);

  // When `advance` is wanted next: never later than the earliest deadline (now, if that has passed), sometimes earlier, to move
  // far timers to a finer level. UINT64_MAX: no timer is armed.
  uint64_t nextWakeMs() const;

  // Calls expired(Timer&) for all timers with a deadline up to nowMs, each disarmed before, and returns how many. A time before
  // that of the last call counts as that.
  template <class F>
  size_t advance(uint64_t nowMs, F&& expired) {
    assert(!advancing_);
    advancing_ = true;
    collect(nowMs);
    size_t fired = 0;
    while (expiring_.next != &expiring_) {
      Timer& timer = *expiring_.next;
      cancel(timer);
      ++fired;
      expired(timer);
    }
    advancing_ = false;
    return fired;
  }

  // How many timers are armed.
  size_t size() const { return size_; }

 private:
  static constexpr int kDigitBits = 6;
  static constexpr int kSlots = 1 << kDigitBits;
  static constexpr int kLevels = 11;

  void collect(uint64_t nowMs);
  void place(Timer& timer);
  void unlink(Timer& timer);

  uint64_t now_;
  size_t size_ = 0;
  uint32_t levels_ = 0;               // bit L: level L has a timer
  bool advancing_ = false;
  uint64_t occupied_[kLevels] = {};   // bit S: slot S of the level has a timer
  Timer due_;                         // armed with a deadline that had passed: for the next advance
  Timer expiring_;                    // collected by the advance that is running
  Timer slots_[kLevels * kSlots];     // heads of circular lists
};

}  // namespace millrace
