/* Short connections: connect, send a request, await its echo, reset, again. */
#include "load.h"

/* The relay shall not run out of ports: the clients come from as many addresses as this. */
enum { addresses = 200, request_bytes = 64 };

struct client {
  int fd;
  double started;
};

static int port_of_relay, epoll;

static void begin(struct client *client, uint32_t id) {
  static unsigned turn;
  client->started = now();
  client->fd = tcp_connect(port_of_relay, 1 + (int)(turn++ % addresses));
  watch(epoll, client->fd, EPOLLOUT, id);
}

/* 1: answered; 0: goes on; -1: failed. */
static int step(const struct client *client, uint32_t id, uint32_t events) {
  char buffer[request_bytes] = {0};
  if ((events & EPOLLERR) != 0) return -1;
  if ((events & EPOLLOUT) != 0) {
    watch_again(epoll, client->fd, EPOLLIN, id);
    return send(client->fd, buffer, sizeof buffer, MSG_NOSIGNAL) == sizeof buffer ? 0 : -1;
  }
  ssize_t got = recv(client->fd, buffer, sizeof buffer, MSG_PEEK);
  if (got < 0 && errno == EAGAIN) return 0;
  return got <= 0 ? -1 : got == sizeof buffer;
}

int churn(int port, int connections) {
  static struct histogram latencies;
  struct epoll_event events[events_at_once];
  struct client *clients = calloc((size_t)connections, sizeof *clients);
  uint64_t done = 0, failed = 0;
  if (clients == NULL) fail("calloc");
  port_of_relay = port;
  epoll = new_epoll();
  for (int i = 0; i < connections; i++) begin(&clients[i], (uint32_t)i);
  while (span_runs()) {
    int count = epoll_wait(epoll, events, events_at_once, 50);
    for (int i = 0; i < count; i++) {
      uint32_t id = events[i].data.u32;
      struct client *client = &clients[id];
      int said = step(client, id, events[i].events);
      if (said == 0) continue;
      if (said < 0) {
        failed++;
      } else if (span.measuring) {
        done++;
        record(&latencies, now() - client->started);
      }
      reset(client->fd);
      begin(client, id);
    }
  }
  print_summary(done, failed);
  print_latencies(&latencies);
  return stay();
}
