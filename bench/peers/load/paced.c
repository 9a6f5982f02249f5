/*
 * Small messages at a fixed rate, one at a time on each connection, each checked when it has come back. One that is late delays those behind it, and they count
 * from when they were due; what only this process is late by does not count.
 */
#include "load.h"

#include <poll.h>
#include <sys/timerfd.h>

enum { most_bytes = 4096 };

struct connection {
  int fd, received;
  bool is_open, waits;
  double due, asked;
  uint64_t number;
  uint8_t answer[most_bytes];
};

static struct histogram latencies;
static uint64_t done, failed;
static int epoll, bytes;

static void fill(uint8_t *message, uint64_t number) {
  for (int i = 0; i < bytes; i++) message[i] = (uint8_t)(number * 31 + (uint64_t)i);
}

static void give_up(struct connection *one) {
  failed++;
  one->is_open = false;
  close(one->fd);
}

static void ask(struct connection *one, double from, double interval) {
  uint8_t message[most_bytes];
  fill(message, ++one->number);
  one->asked = from;
  one->due += interval;
  one->received = 0;
  one->waits = true;
  if (send(one->fd, message, (size_t)bytes, MSG_NOSIGNAL) != bytes) give_up(one);
}

static void take(struct connection *one, double interval) {
  uint8_t expected[most_bytes];
  ssize_t got = recv(one->fd, one->answer + one->received, (size_t)(bytes - one->received), 0);
  if (got < 0 && errno == EAGAIN) return;
  if (got <= 0 || !one->waits) {
    give_up(one);
    return;
  }
  one->received += (int)got;
  if (one->received < bytes) return;
  double at = now();
  one->waits = false;
  fill(expected, one->number);
  if (memcmp(expected, one->answer, (size_t)bytes) != 0) {
    give_up(one);
    return;
  }
  if (span.measuring) {
    done++;
    record(&latencies, at - one->asked);
  }
  if (at >= one->due) ask(one, one->due, interval);
}

int paced(int port, int connections, int message_bytes, int rate) {
  struct epoll_event events[events_at_once];
  struct connection *all = calloc((size_t)connections, sizeof *all);
  bytes = message_bytes;
  if (all == NULL || bytes < 1 || bytes > most_bytes || rate < 1) fail("paced");
  double interval = (double)connections / rate, begun = now();
  epoll = new_epoll();
  for (int i = 0; i < connections; i++) {
    all[i].fd = tcp_connect(port, 0);
    struct pollfd connecting = {.fd = all[i].fd, .events = POLLOUT};
    poll(&connecting, 1, 5000);
    all[i].is_open = true;
    all[i].due = begun + interval * i / connections;
    watch(epoll, all[i].fd, EPOLLIN, (uint32_t)i);
  }
  /* epoll_wait counts in milliseconds, which is more than what is measured. */
  int timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
  long tick = 1000000000L / rate / 2;
  const struct itimerspec every = {.it_interval = {.tv_nsec = tick}, .it_value = {.tv_nsec = tick}};
  if (timer < 0 || timerfd_settime(timer, 0, &every, NULL) < 0) fail("timerfd");
  watch(epoll, timer, EPOLLIN, (uint32_t)connections);
  while (span_runs()) {
    int count = epoll_wait(epoll, events, events_at_once, 50);
    for (int i = 0; i < count; i++) {
      uint32_t id = events[i].data.u32;
      uint64_t ticks;
      if (id < (uint32_t)connections) {
        if (all[id].is_open) take(&all[id], interval);
      } else if (read(timer, &ticks, sizeof ticks) < 0 && errno != EAGAIN) {
        fail("timerfd");
      }
    }
    for (int i = 0; i < connections; i++) {
      double at = now();
      if (all[i].is_open && !all[i].waits && at >= all[i].due) ask(&all[i], at, interval);
    }
  }
  print_summary(done, failed);
  print_latencies(&latencies);
  return stay();
}
