#include "core/loop.h"

#include <errno.h>
#include <sys/eventfd.h>

#include <algorithm>
#include <climits>

#include "core/sys.h"

namespace millrace {

Result<std::unique_ptr<Loop>> Loop::create() {
  auto poller = Poller::create();
  if (!poller) return poller.error();
  Fd wake(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
  if (!wake) return SysError{errno, "eventfd"};
  if (const int error = poller->add(wake.get(), EPOLLIN, {.kind = wakeKind})) return SysError{-error, "epoll_ctl"};
  return std::unique_ptr<Loop>(new Loop(std::move(*poller), std::move(wake), sys::nowMs()));
}

void Loop::turn(int maxWaitMs) {
  if (next_ == count_) {
    const int untilDue = msUntilDue();
    count_ = poller_.wait(maxWaitMs < 0 ? untilDue : untilDue < 0 ? maxWaitMs : std::min(maxWaitMs, untilDue));
    next_ = 0;
    unread_ = false;
  }
  now_ = sys::nowMs();
  for (stop_ = false; next_ < count_ && !stop_;) {
    const epoll_event& event = poller_.ready(next_++);
    const Key key = Key::unpack(event.data.u64);
    if (key.kind == wakeKind) {
      uint64_t ignored;
      [[maybe_unused]] const ssize_t got = ::read(wake_.get(), &ignored, sizeof ignored);
    } else {
      handlers_[key.kind]->onReady(key.token, key.side, event.events);
    }
  }
  // What has come in time is seen before a timer may say that it has not: what was not dispatched, not read, or not told of since the poller tells of so many at once.
  if (eventsLeft()) return;
  const bool again = (unread_ || count_ == Poller::most) && askedAgain_ < mostAgain;
  askedAgain_ = again ? askedAgain_ + 1 : 0;
  if (again) return;
  timers_.advance(now_, [](Timer& timer) {
    auto& due = static_cast<LoopTimer&>(timer);
    due.fire(due);
  });
}

int Loop::msUntilDue() const {
  if (mayBeMore()) return 0;
  const uint64_t wakeAt = timers_.nextWakeMs();
  if (wakeAt == UINT64_MAX) return -1;
  const uint64_t now = sys::nowMs();
  return wakeAt <= now ? 0 : int(std::min<uint64_t>(wakeAt - now, INT_MAX));
}

void Loop::refreshClock() { now_ = sys::nowMs(); }

void Loop::wake() {
  const uint64_t one = 1;
  [[maybe_unused]] const ssize_t put = ::write(wake_.get(), &one, sizeof one);
}

}  // namespace millrace
