/*
 * Datagrams that shall come back: each flow is a socket of its own and keeps a window of them on the way.
 *
 * Each carries its number within its flow. Relays keep the order of a flow, so one that comes back tells that those before it will not:
 * they are lost, and others take their place in the window. A flow that hears nothing for a while gives up all that are on the way.
 */
#include "load.h"

enum { batch = 64, most_bytes = 1472, stun_bytes = 20, train_bytes = 65536 };
static const double silence_seconds = 0.2;

struct flow {
  int fd;
  uint64_t sent, answered, settled; /* settled: numbers below it have come back or are lost */
  double heard;
};

static size_t size;
static unsigned window;
static bool trains, is_stun;

static void put_number(uint8_t *at, uint64_t number) {
  static const uint8_t binding_request[8] = {0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42}; /* RFC 8489, 5: then the transaction id */
  if (is_stun) memcpy(at, binding_request, sizeof binding_request);
  memcpy(at + (is_stun ? sizeof binding_request : 0), &number, sizeof number);
}

static bool get_number(const uint8_t *at, size_t length, uint64_t *number) {
  if (is_stun && (length < stun_bytes || at[0] != 1 || at[1] != 1)) return false;
  memcpy(number, at + (is_stun ? 8 : 0), sizeof *number);
  return true;
}

/* Fills the window of a flow. What the socket does not take is tried again when something comes back, or after the silence. */
static void fill(struct flow *flow) {
  static uint8_t memory[batch * most_bytes];
  static struct mmsghdr messages[batch];
  static struct iovec parts[batch];
  static _Alignas(struct cmsghdr) char control[control_bytes];
  uint64_t room;
  while ((room = window - (flow->sent - flow->settled)) > 0) {
    unsigned count = room < batch ? (unsigned)room : batch;
    for (unsigned i = 0; i < count; i++) {
      put_number(memory + i * size, flow->sent + i);
      parts[i] = (struct iovec){.iov_base = memory + i * size, .iov_len = size};
      messages[i].msg_hdr = (struct msghdr){.msg_iov = &parts[i], .msg_iovlen = 1};
    }
    int sent;
    if (trains) {
      parts[0].iov_len = count * size;
      set_segment(&messages[0].msg_hdr, control, (uint16_t)size);
      sent = sendmsg(flow->fd, &messages[0].msg_hdr, 0) < 0 ? 0 : (int)count;
    } else {
      sent = sendmmsg(flow->fd, messages, count, 0);
    }
    if (sent <= 0) return;
    flow->sent += (unsigned)sent;
  }
}

static void take(struct flow *flow, struct mmsghdr *message, const uint8_t *at) {
  int joined = segment_of(&message->msg_hdr);
  size_t each = joined > 0 ? (size_t)joined : message->msg_len;
  for (size_t from = 0; from < message->msg_len; from += each) {
    uint64_t number;
    if (!get_number(at + from, message->msg_len - from, &number)) continue;
    flow->answered++;
    if (number >= flow->settled) flow->settled = number + 1;
  }
}

static void receive(struct flow *flow) {
  static uint8_t memory[batch][train_bytes];
  static struct mmsghdr messages[batch];
  static struct iovec parts[batch];
  static _Alignas(struct cmsghdr) char controls[batch][control_bytes];
  for (int i = 0; i < batch; i++) {
    parts[i] = (struct iovec){.iov_base = memory[i], .iov_len = train_bytes};
    messages[i].msg_hdr = (struct msghdr){.msg_iov = &parts[i], .msg_iovlen = 1, .msg_control = trains ? controls[i] : NULL, .msg_controllen = trains ? control_bytes : 0};
  }
  int got = recvmmsg(flow->fd, messages, batch, 0, NULL);
  for (int i = 0; i < got; i++) take(flow, &messages[i], memory[i]);
}

/* `lost` may fall again: what was given up has come after all. */
struct totals {
  uint64_t answered;
  int64_t lost;
};

static struct totals totals_of(const struct flow *flows, int count) {
  struct totals all = {0, 0};
  for (int i = 0; i < count; i++) {
    all.answered += flows[i].answered;
    all.lost += (int64_t)(flows[i].settled - flows[i].answered);
  }
  return all;
}

int datagrams(int port, int count, int bytes, int window_of_flow, const char *kind) {
  int epoll = new_epoll();
  struct epoll_event events[events_at_once];
  struct flow *flows = calloc((size_t)count, sizeof *flows);
  struct totals before = {0, 0};
  bool started = false;
  is_stun = strcmp(kind, "stun") == 0;
  trains = strcmp(kind, "trains") == 0;
  size = is_stun ? stun_bytes : (size_t)bytes;
  window = (unsigned)window_of_flow;
  if (flows == NULL || size < sizeof(uint64_t) || size > most_bytes) fail("datagrams");
  for (int i = 0; i < count; i++) {
    flows[i].fd = udp_socket(port, trains, true);
    flows[i].heard = now();
    watch(epoll, flows[i].fd, EPOLLIN, (uint32_t)i);
    fill(&flows[i]);
  }
  double swept = now();
  while (span_runs()) {
    if (span.measuring && !started) {
      started = true;
      before = totals_of(flows, count);
    }
    int ready = epoll_wait(epoll, events, events_at_once, 20);
    double at = now();
    for (int i = 0; i < ready; i++) {
      struct flow *flow = &flows[events[i].data.u32];
      receive(flow);
      flow->heard = at;
      fill(flow);
    }
    if (at - swept < silence_seconds / 4) continue;
    swept = at;
    for (int i = 0; i < count; i++) {
      if (at - flows[i].heard < silence_seconds) continue;
      flows[i].settled = flows[i].sent;
      flows[i].heard = at;
      fill(&flows[i]);
    }
  }
  struct totals after = totals_of(flows, count);
  print_summary(after.answered - before.answered, 0);
  printf(",\"lost\":%lld", (long long)(after.lost > before.lost ? after.lost - before.lost : 0));
  return stay();
}
