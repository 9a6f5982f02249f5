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
  const int untilTimer = msUntilTimer();
  const int timeout = maxWaitMs < 0 ? untilTimer : untilTimer < 0 ? maxWaitMs : std::min(maxWaitMs, untilTimer);
  const int count = poller_.wait(timeout);
  now_ = sys::nowMs();
  for (int i = 0; i < count; ++i) {
    const epoll_event& event = poller_.ready(i);
    const Key key = Key::unpack(event.data.u64);
    if (key.kind == wakeKind) {
      uint64_t ignored;
      [[maybe_unused]] const ssize_t got = ::read(wake_.get(), &ignored, sizeof ignored);
    } else {
      handlers_[key.kind]->onReady(key.token, key.side, event.events);
    }
  }
  timers_.advance(now_, [](Timer& timer) {
    auto& due = static_cast<LoopTimer&>(timer);
    due.fire(due);
  });
}

int Loop::msUntilTimer() const {
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
