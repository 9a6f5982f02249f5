/* Round trips: each connection sends a request, awaits as many bytes, and sends the next. */
#include "load.h"

struct connection {
  int fd, received;
  double asked;
};

static char buffer[65536];

int requests(int port, int connections, int bytes) {
  static struct histogram latencies;
  int epoll = new_epoll();
  struct epoll_event events[events_at_once];
  struct connection *all = calloc((size_t)connections, sizeof *all);
  uint64_t done = 0, failed = 0;
  if (all == NULL || bytes > (int)sizeof buffer) fail("requests");
  for (int i = 0; i < connections; i++) {
    all[i].fd = tcp_connect(port, 0);
    watch(epoll, all[i].fd, EPOLLOUT, (uint32_t)i);
  }
  while (span_runs()) {
    int count = epoll_wait(epoll, events, events_at_once, 50);
    for (int i = 0; i < count; i++) {
      struct connection *one = &all[events[i].data.u32];
      bool connected = (events[i].events & EPOLLOUT) != 0, ask = connected;
      if (connected) {
        watch_again(epoll, one->fd, EPOLLIN, events[i].data.u32);
      } else {
        ssize_t got = recv(one->fd, buffer, sizeof buffer, 0);
        if (got < 0 && errno == EAGAIN) continue;
        if (got <= 0) {
          failed++;
          close(one->fd);
          continue;
        }
        one->received += (int)got;
        ask = one->received >= bytes;
      }
      if (!ask) continue;
      double at = now();
      if (!connected && span.measuring) {
        done++;
        record(&latencies, at - one->asked);
      }
      one->received = 0;
      one->asked = at;
      if (send(one->fd, buffer, (size_t)bytes, MSG_NOSIGNAL) == bytes) continue;
      failed++;
      close(one->fd);
    }
  }
  print_summary(done, failed);
  print_latencies(&latencies);
  return stay();
}
