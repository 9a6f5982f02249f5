/*
 * Numbered and checksummed datagrams over connected sockets to something that sends them back, no more than `window` of a flow on
 * their way at a time. With gso they leave as UDP_SEGMENT sends, the last of each shorter, and come back as the kernel groups them.
 */
#include "load.h"
#include <sys/epoll.h>

struct flow {
  int fd;
  uint32_t number, total, sent, received;
  int64_t highest; /* the highest sequence number that has come, -1 before the first */
  uint8_t *seen;   /* one bit a sequence number */
};

static struct {
  uint64_t duplicated, reordered, corrupt, refused, messages, sends;
} found;
static uint32_t least_size, most_size, window;
static bool gso;
static uint8_t *slots;
enum { batch = 16 };

/* The size of the datagrams of the burst that begins there. */
static uint32_t size_from(const struct flow *flow, uint32_t sequence) {
  return least_size + (uint32_t)(mix(((uint64_t)flow->number << 32 | sequence) ^ 0x5eed) % (most_size - least_size + 1));
}

static bool refusal(void) {
  if (errno != ECONNREFUSED) return false;
  found.refused++;
  return true;
}

/* One UDP_SEGMENT send; false where the kernel takes no more. */
static bool send_segmented(struct flow *flow, uint32_t most) {
  static uint8_t bytes[most_segments * 1500 + most_bytes], control[CMSG_SPACE(2)];
  uint32_t size = size_from(flow, flow->sent), total = 0, count = 0;
  while (count < most && count < most_segments && total + size <= 65000) {
    bool last = count + 1 == most || count + 1 == most_segments || total + 2 * size > 65000;
    uint32_t own = last && size > head_bytes ? size - (uint32_t)(mix(flow->sent) % (size - head_bytes)) : size;
    fill(bytes + total, flow->number, flow->sent + count, own);
    total += own, count++;
    if (last) break;
  }
  struct iovec part = {bytes, total};
  struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
  segment(&message, control, (uint16_t)size, count > 1);
  do if (sendmsg(flow->fd, &message, 0) >= 0) return flow->sent += count, found.sends++, true;
  while (refusal());
  if (errno != EAGAIN) fail("sendmsg");
  return false;
}

static bool send_singly(struct flow *flow, uint32_t most) {
  static struct mmsghdr messages[batch];
  static struct iovec parts[batch];
  static uint8_t bytes[batch][slot_bytes];
  uint32_t count = most < batch ? most : batch;
  for (uint32_t i = 0; i < count; i++) {
    uint32_t size = size_from(flow, flow->sent + i);
    fill(bytes[i], flow->number, flow->sent + i, size);
    parts[i] = (struct iovec){bytes[i], size};
    messages[i].msg_hdr = (struct msghdr){.msg_iov = &parts[i], .msg_iovlen = 1};
  }
  int taken;
  do taken = sendmmsg(flow->fd, messages, count, 0);
  while (taken < 0 && refusal());
  if (taken < 0 && errno != EAGAIN) fail("sendmmsg");
  if (taken > 0) flow->sent += (uint32_t)taken, found.sends += (uint64_t)taken;
  return taken > 0;
}

/* Half a window at once, so that what is sent together can come back together. */
static void top_up(struct flow *flow) {
  for (;;) {
    uint32_t outstanding = flow->sent - flow->received, left = flow->total - flow->sent;
    uint32_t room = outstanding < window ? window - outstanding : 0;
    if (left == 0 || room == 0 || (room < (window + 1) / 2 && room < left)) return;
    if (!(gso ? send_segmented : send_singly)(flow, room < left ? room : left)) return;
  }
}

static void take(struct flow *flow, const uint8_t *at, uint32_t length) {
  struct head head;
  if (!is_whole(at, length)) {
    found.corrupt++;
    return;
  }
  memcpy(&head, at, head_bytes);
  if (head.flow != flow->number || head.sequence >= flow->sent) {
    found.corrupt++;
    return;
  }
  uint8_t bit = (uint8_t)(1 << (head.sequence & 7)), *byte = &flow->seen[head.sequence >> 3];
  if (*byte & bit) {
    found.duplicated++;
    return;
  }
  *byte |= bit;
  if (head.sequence < flow->highest) found.reordered++;
  else flow->highest = head.sequence;
  flow->received++;
}

static void receive(struct flow *flow) {
  static struct mmsghdr messages[batch];
  static struct iovec parts[batch];
  static uint8_t controls[batch][64];
  for (;;) {
    for (int i = 0; i < batch; i++) {
      parts[i] = (struct iovec){slots + (size_t)i * (slot_bytes + 320), slot_bytes};
      messages[i].msg_hdr = (struct msghdr){.msg_iov = &parts[i], .msg_iovlen = 1, .msg_control = controls[i], .msg_controllen = sizeof controls[i]};
    }
    int count = recvmmsg(flow->fd, messages, batch, MSG_DONTWAIT, NULL);
    if (count < 0 && refusal()) continue;
    if (count < 0 && errno != EAGAIN) fail("recvmmsg");
    for (int i = 0; i < count; i++) {
      const uint8_t *at = parts[i].iov_base;
      uint32_t length = messages[i].msg_len, size = segment_size(&messages[i].msg_hdr, length);
      found.messages++;
      if (length == 0) found.corrupt++;
      for (uint32_t done = 0; done < length; done += size) take(flow, at + done, length - done < size ? length - done : size);
    }
    if (count < batch) return;
  }
}

void verify(const char *host, long port) {
  uint32_t flows = (uint32_t)number("flows", 1);
  uint64_t count = (uint64_t)number("count", 1000), received = 0, sent = 0, drops = 0;
  char *rest;
  least_size = most_size = (uint32_t)strtoul(text("size", "64"), &rest, 10);
  if (*rest == '-') most_size = (uint32_t)strtoul(rest + 1, NULL, 10);
  window = (uint32_t)number("window", 16);
  gso = number("gso", 0) != 0;
  double patience = (double)number("patience", 10), begun = now(), progress = begun;
  if (least_size < head_bytes || most_size > most_bytes || most_size < least_size) errno = EINVAL, fail("size");

  struct address to = address_of(host, port);
  struct flow *all = calloc(flows, sizeof *all);
  slots = malloc((size_t)batch * (slot_bytes + 320));
  int events = epoll_create1(EPOLL_CLOEXEC);
  if (all == NULL || slots == NULL || events < 0) fail("set-up");
  for (uint32_t i = 0; i < flows; i++) {
    struct flow *flow = &all[i];
    *flow = (struct flow){.fd = udp_socket(&to, text("from", NULL), gso), .number = i, .highest = -1};
    flow->total = (uint32_t)(count / flows + (i < count % flows));
    flow->seen = calloc(flow->total / 8 + 1, 1);
    if (flow->seen == NULL || connect(flow->fd, (struct sockaddr *)&to.storage, to.size) != 0) fail("connect");
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = flow};
    if (epoll_ctl(events, EPOLL_CTL_ADD, flow->fd, &event) != 0) fail("epoll_ctl");
  }
  for (uint32_t i = 0; i < flows; i++) top_up(&all[i]);
  while (received < count && now() - progress < patience) {
    struct epoll_event ready[256];
    int some = epoll_wait(events, ready, 256, 100);
    uint64_t before = received;
    for (int i = 0; i < some; i++) {
      struct flow *flow = ready[i].data.ptr;
      received -= flow->received;
      receive(flow);
      received += flow->received;
      top_up(flow);
    }
    if (some == 0) for (uint32_t i = 0; i < flows; i++) top_up(&all[i]);
    if (received > before) progress = now();
  }
  for (uint32_t i = 0; i < flows; i++) sent += all[i].sent, drops += overflowed(all[i].fd);
  printf("{\"flows\":%u,\"sent\":%lu,\"received\":%lu,\"missing\":%lu,\"duplicated\":%lu,\"reordered\":%lu,\"corrupt\":%lu,"
         "\"refused\":%lu,\"overflowed\":%lu,\"sends\":%lu,\"messages\":%lu,\"seconds\":%.3f}\n",
         flows, sent, received, count - received, found.duplicated, found.reordered, found.corrupt, found.refused, drops, found.sends,
         found.messages, now() - begun);
}
