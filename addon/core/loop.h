// Loop: one turn after another (internal). Owns the poller, the timers and a wake-up descriptor. A turn is: wait, dispatch, timers,
// turn-end. Whoever drives it (a thread of its own, or libuv) calls turn(); everything but wake() belongs to that one thread.
// It knows neither what the descriptors are nor what a relay is: tables register as EventHandler under a kind.
// A handler whose memory for a turn is used up ends it early.
// Invariant: now() is the time at which this turn's waiting ended, and does not change within the turn. Every event is dispatched once,
// and before the timers that came due while it was waiting; who is always ready holds them up for mostAgain turns and no longer.
#pragma once
#include <memory>

#include "core/poller.h"
#include "core/timer_wheel.h"

namespace millrace {

class EventHandler {
 public:
  virtual void onReady(Token token, unsigned side, uint32_t events) = 0;

 protected:
  ~EventHandler() = default;
};

/// A timer that knows what to do. Arm it through Loop::timers().
struct LoopTimer : Timer {
  void (*fire)(LoopTimer&) = nullptr;
};

class Loop {
 public:
  static Result<std::unique_ptr<Loop>> create();

  Poller& poller() { return poller_; }
  TimerWheel& timers() { return timers_; }
  uint64_t now() const { return now_; }
  void handle(uint8_t kind, EventHandler* handler) { handlers_[kind] = handler; }

  /// Waits up to `maxWaitMs` (-1: for as long as the timers allow) and dispatches what is ready. Turn-end is the caller's.
  void turn(int maxWaitMs);
  /// From a handler: the turn ends after this event. The events that are left are dispatched in the next turns, which do not wait, and before any timer.
  void endTurnEarly() { stop_ = unread_ = true; }
  bool eventsLeft() const { return next_ < count_; }
  /// From a handler: something that has come is left unread, and the poller will tell of it again.
  void leaveUnread() { unread_ = true; }
  /// Whether something has been left unread in this turn.
  bool leftUnread() const { return unread_; }
  /// More has come than was dispatched, or may have.
  bool mayBeMore() const { return eventsLeft() || askedAgain_ > 0; }
  /// Milliseconds until there is something to do without a new event: 0 now, -1 nothing.
  int msUntilDue() const;
  /// Refreshes now() for work that is started from outside a turn.
  void refreshClock();
  /// Ends the current or next wait. Any thread.
  void wake();

  static constexpr uint8_t wakeKind = 0;

 private:
  static constexpr int mostAgain = 64;

  Loop(Poller poller, Fd wake, uint64_t now) : poller_(std::move(poller)), wake_(std::move(wake)), timers_(now), now_(now) {}

  Poller poller_;
  Fd wake_;
  TimerWheel timers_;
  uint64_t now_;
  int next_ = 0, count_ = 0;  // of the poller's ready events: which is dispatched next, and how many there are
  bool stop_ = false;
  bool unread_ = false;  // since the poller was asked
  int askedAgain_ = 0;   // how often in a row the poller is asked once more before any timer
  std::array<EventHandler*, 16> handlers_{};
};

}  // namespace millrace
