// core/timer_wheel.h: single cases, and random operations beside a naive model.
#include "core/timer_wheel.h"

#include <algorithm>
#include <memory>

#include "check.h"

using namespace millrace;

namespace {

// What the wheel promises, said with a list: every armed timer with its effective deadline and the order of arming.
class Model {
 public:
  struct Entry {
    size_t timer;
    uint64_t deadlineMs, order;
  };

  explicit Model(uint64_t nowMs) : nowMs_(nowMs) {}

  void arm(size_t timer, uint64_t deadlineMs) {
    cancel(timer);
    armed_.push_back({timer, std::max(std::min(deadlineMs, UINT64_MAX - 1), nowMs_), order_++});
  }
  void cancel(size_t timer) {
    const auto same = [&](const Entry& entry) { return entry.timer == timer; };
    std::erase_if(armed_, same);
    std::erase_if(due_, same);
  }
  void begin(uint64_t nowMs) {
    nowMs_ = std::max(nowMs_, nowMs);
    for (const Entry& entry : armed_) if (entry.deadlineMs <= nowMs_) due_.push_back(entry);
    std::erase_if(armed_, [&](const Entry& entry) { return entry.deadlineMs <= nowMs_; });
    std::sort(due_.begin(), due_.end(), [](const Entry& a, const Entry& b) {
      return a.deadlineMs != b.deadlineMs ? a.deadlineMs < b.deadlineMs : a.order < b.order;
    });
  }
  bool nextDue(size_t& timer) {
    if (due_.empty()) return false;
    timer = due_.front().timer;
    due_.erase(due_.begin());
    return true;
  }
  uint64_t earliest() const {
    uint64_t earliest = UINT64_MAX;
    for (const Entry& entry : armed_) earliest = std::min(earliest, entry.deadlineMs);
    return earliest;
  }
  size_t size() const { return armed_.size() + due_.size(); }
  bool armed(size_t timer) const {
    const auto same = [&](const Entry& entry) { return entry.timer == timer; };
    return std::any_of(armed_.begin(), armed_.end(), same) || std::any_of(due_.begin(), due_.end(), same);
  }
  uint64_t now() const { return nowMs_; }

 private:
  uint64_t nowMs_, order_ = 0;
  std::vector<Entry> armed_, due_;
};

uint64_t someDeadline(Random& random, uint64_t nowMs) {
  switch (random.below(6)) {
    case 0: return nowMs - std::min(nowMs, random.anyMagnitude());
    case 1: return nowMs + random.below(3);
    case 2: return nowMs + random.below(130);
    case 3: return random.oneIn(4) ? UINT64_MAX - random.below(3) : nowMs + 60'000;
    default: {
      const uint64_t far = random.anyMagnitude();
      return far > UINT64_MAX - nowMs ? UINT64_MAX : nowMs + far;
    }
  }
}

void besideModel(uint64_t seed, uint64_t startMs, int operations) {
  Random random(seed);
  TimerWheel wheel(startMs);
  Model model(startMs);
  std::vector<Timer> timers(40);

  const auto change = [&] {
    const size_t i = random.below(timers.size());
    if (random.oneIn(3)) {
      wheel.cancel(timers[i]);
      model.cancel(i);
    } else {
      const uint64_t deadlineMs = someDeadline(random, model.now());
      wheel.arm(timers[i], deadlineMs);
      model.arm(i, deadlineMs);
    }
    check(timers[i].armed() == model.armed(i), "armed() is what the last call made it");
  };

  for (int n = 0; n < operations; ++n) {
    if (!random.oneIn(4)) {
      change();
    } else {
      uint64_t toMs = model.now();
      switch (random.below(5)) {
        case 0: toMs = wheel.nextWakeMs() == UINT64_MAX ? toMs : wheel.nextWakeMs(); break;
        case 1: toMs += std::min(random.below(200), UINT64_MAX - toMs); break;
        case 2: toMs = random.oneIn(50) ? UINT64_MAX : model.earliest() == UINT64_MAX ? toMs : model.earliest() - random.below(2); break;
        case 3: toMs += random.oneIn(100) ? std::min(random.anyMagnitude(), UINT64_MAX - toMs) : 0; break;
        default: toMs -= std::min(toMs, random.below(3)); break;  // a clock that goes back
      }
      model.begin(toMs);
      size_t calls = 0;
      const size_t fired = wheel.advance(toMs, [&](Timer& timer) {
        ++calls;
        size_t expected = 0;
        check(model.nextDue(expected) && &timer == &timers[expected], "the timer that the model has next fires next");
        check(!timer.armed(), "a timer that fires is disarmed");
        while (random.oneIn(2)) change();
        if (random.oneIn(8)) {
          const size_t self = static_cast<size_t>(&timer - timers.data());
          wheel.arm(timer, 0);
          model.arm(self, 0);
        }
      });
      size_t left = 0;
      check(fired == calls && !model.nextDue(left), "everything due fires in one advance");
      if (model.now() == UINT64_MAX) return;
    }
    check(wheel.size() == model.size(), "size() counts the armed timers");
    const uint64_t wakeMs = wheel.nextWakeMs();
    check(wakeMs <= model.earliest(), "nextWakeMs is never later than the earliest deadline");
    check((wakeMs == UINT64_MAX) == (model.size() == 0), "nextWakeMs is UINT64_MAX only if nothing is armed");
    check(wakeMs >= model.now(), "nextWakeMs is not in the past");
  }
  for (Timer& timer : timers) wheel.cancel(timer);
  check(wheel.size() == 0 && wheel.nextWakeMs() == UINT64_MAX, "after cancelling all there is nothing to wait for");
}

}  // namespace

void testTimerWheel(uint64_t seed) {
  {
    TimerWheel wheel(1000);
    Timer timer;
    wheel.arm(timer, 500);
    check(wheel.nextWakeMs() == 1000, "a deadline in the past is due now");
    size_t again = 0;
    check(wheel.advance(1000, [&](Timer& self) { if (++again < 5) wheel.arm(self, 0); }) == 1, "re-armed in the past, it waits for the next advance");
    check(wheel.size() == 1 && wheel.advance(1000, [](Timer&) {}) == 1, "where it fires");
    wheel.cancel(timer);
    check(wheel.size() == 0, "cancelling a timer that is not armed does nothing");
  }
  {
    TimerWheel wheel(0);
    auto owner = std::make_unique<Timer>();
    wheel.arm(*owner, 5);
    wheel.advance(5, [&](Timer&) { owner.reset(); });
    check(wheel.size() == 0, "the owner of a timer may be destroyed in its callback");
  }
  {
    // The wakes of an hour's timer: a loop that sleeps until nextWakeMs is woken a few times, not every tick.
    TimerWheel wheel(123'456);
    Timer timer;
    wheel.arm(timer, 123'456 + 3'600'000);
    int wakes = 0;
    for (uint64_t nowMs = 0; timer.armed(); ++wakes) {
      nowMs = wheel.nextWakeMs();
      wheel.advance(nowMs, [&](Timer& fired) { check(nowMs == fired.deadlineMs, "it fires at its deadline"); });
    }
    check(wakes <= 4, "a far timer costs at most one wake a level");
  }
  Random random(seed);
  for (const uint64_t startMs : {uint64_t{0}, uint64_t{63}, uint64_t{1} << 42, UINT64_MAX - 1'000'000}) {
    for (int round = 0; round < 20; ++round) besideModel(random.bits(), startMs, 2'000);
  }
  for (int round = 0; round < 20; ++round) besideModel(random.bits(), random.anyMagnitude(), 2'000);
}
