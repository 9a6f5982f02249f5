/* Flows that send at a steady rate, each in its turn, and count the answers they get; says "established" once each has had one. */
#include "load.h"
#include <sys/epoll.h>

struct flow {
  int fd;
  uint32_t number, sent, received;
};

static uint64_t corrupt, refused;

static void receive(struct flow *flow) {
  static uint8_t bytes[slot_bytes];
  for (;;) {
    ssize_t length = recv(flow->fd, bytes, sizeof bytes, MSG_DONTWAIT);
    if (length < 0 && errno == ECONNREFUSED) refused++;
    else if (length < 0) return;
    else if (is_whole(bytes, (uint32_t)length)) flow->received++;
    else corrupt++;
  }
}

static uint64_t answers(const struct flow *all, long flows, long *answered) {
  uint64_t sum = 0;
  *answered = 0;
  for (long i = 0; i < flows; i++) sum += all[i].received, *answered += all[i].received > 0;
  return sum;
}

void honest(const char *host, long port) {
  static uint8_t bytes[most_bytes];
  long flows = number("flows", 1), rate = number("rate", 1000), answered;
  uint32_t size = (uint32_t)number("size", 64);
  struct address to = address_of(host, port);
  struct flow *all = calloc((size_t)flows, sizeof *all);
  int events = epoll_create1(EPOLL_CLOEXEC);
  if (all == NULL || events < 0) fail("set-up");
  for (long i = 0; i < flows; i++) {
    all[i] = (struct flow){.fd = udp_socket(&to, text("from", NULL), false), .number = (uint32_t)i};
    if (connect(all[i].fd, (struct sockaddr *)&to.storage, to.size) != 0) fail("connect");
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = &all[i]};
    if (epoll_ctl(events, EPOLL_CTL_ADD, all[i].fd, &event) != 0) fail("epoll_ctl");
  }
  end_on_sigterm();

  uint64_t sent = 0, unsent = 0;
  bool said = false;
  double begun = now(), quiet = 0;
  /* After SIGTERM nothing more is sent, and what is still on its way has a second to come. */
  for (uint64_t got = 0, before = 0; got < sent || !told_to_end; before = got) {
    struct epoll_event ready[64];
    int some = epoll_wait(events, ready, 64, 1);
    for (int i = 0; i < some; i++) receive(ready[i].data.ptr);
    uint64_t due = (uint64_t)((now() - begun) * (double)rate);
    for (; !told_to_end && sent + unsent < due;) {
      struct flow *flow = &all[(sent + unsent) % (uint64_t)flows];
      fill(bytes, flow->number, flow->sent, size);
      ssize_t taken = send(flow->fd, bytes, size, 0);
      if (taken < 0 && errno == ECONNREFUSED) taken = send(flow->fd, bytes, size, 0), refused++;
      if (taken < 0) unsent++;
      else flow->sent++, sent++;
    }
    got = answers(all, flows, &answered);
    if (!said && answered == flows) said = true, printf("established\n");
    if (!told_to_end || got > before) quiet = now();
    else if (now() - quiet > 1) break;
  }
  uint64_t received = answers(all, flows, &answered);
  printf("{\"flows\":%ld,\"sent\":%lu,\"received\":%lu,\"lost\":%ld,\"corrupt\":%lu,\"refused\":%lu,\"unsent\":%lu}\n", flows, sent, received,
         (long)(sent - received), corrupt, refused, unsent);
}
