#include "core/poller.h"

#include <errno.h>

namespace millrace {

Result<Poller> Poller::create() {
  Fd epoll(::epoll_create1(EPOLL_CLOEXEC));
  if (!epoll) return SysError{errno, "epoll_create1"};
  return Poller(std::move(epoll));
}

int Poller::control(int op, int fd, uint32_t events, Key key) {
  epoll_event event{.events = events, .data = {.u64 = key.pack()}};
  return ::epoll_ctl(epoll_.get(), op, fd, &event) == 0 ? 0 : -errno;
}

int Poller::wait(int timeoutMs) {
  const int count = ::epoll_wait(epoll_.get(), ready_.data(), int(ready_.size()), timeoutMs);
  return count < 0 ? 0 : count;
}

}  // namespace millrace
