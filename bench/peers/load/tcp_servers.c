/* The servers behind a relay of streams: one drops what comes, one sends it back. */
#include "load.h"

static int serve(int port, void (*readable)(int fd)) {
  int epoll = new_epoll(), listener = tcp_listen(port);
  struct epoll_event events[events_at_once];
  watch(epoll, listener, EPOLLIN, (uint32_t)listener);
  int count;
  while ((count = epoll_wait(epoll, events, events_at_once, -1)) >= 0 || errno == EINTR) {
    for (int i = 0; i < count; i++) {
      int fd = (int)events[i].data.u32;
      if (fd != listener) {
        readable(fd);
        continue;
      }
      while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) watch(epoll, fd, EPOLLIN, (uint32_t)fd);
    }
  }
  fail("epoll_wait");
}

static bool has_ended(ssize_t got) { return got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR); }

static void drop(int fd) {
  /* MSG_TRUNC: TCP throws the bytes away without copying them, see tcp(7). The sink shall cost as little as can be. */
  if (has_ended(recv(fd, NULL, 1 << 20, MSG_TRUNC))) close(fd);
}

static void send_back(int fd) {
  static char buffer[65536];
  ssize_t got = recv(fd, buffer, sizeof buffer, 0);
  if (has_ended(got)) {
    close(fd);
    return;
  }
  /* No client has more on the way than a send buffer holds; one that has is cut off, and its load counts a failure. */
  if (got > 0 && send(fd, buffer, (size_t)got, MSG_NOSIGNAL) != got) reset(fd);
}

int tcp_sink(int port) { return serve(port, drop); }

int tcp_echo(int port) { return serve(port, send_back); }
