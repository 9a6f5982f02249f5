/* Time, sockets and latencies: see load.h. */
#include "load.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <netinet/udp.h>
#include <time.h>

struct span span;

double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

bool span_runs(void) {
  double at = now();
  if (!span.measuring && at >= span.warm_until) {
    span.measuring = true;
    span.until += at - span.warm_until;
    span.measured_from = at;
    puts("{\"type\":\"started\"}");
  }
  span.measured_until = at;
  return at < span.until;
}

void print_summary(uint64_t done, uint64_t failed) {
  printf("{\"type\":\"summary\",\"seconds\":%.6f,\"done\":%llu,\"failed\":%llu", span.measured_until - span.measured_from,
         (unsigned long long)done, (unsigned long long)failed);
}

int stay(void) {
  puts("}");
  for (;;) pause();
}

void fail(const char *what) {
  perror(what);
  exit(1);
}

int new_epoll(void) {
  int epoll = epoll_create1(EPOLL_CLOEXEC);
  if (epoll < 0) fail("epoll_create1");
  return epoll;
}

static void control(int epoll, int operation, int fd, uint32_t events, uint32_t id) {
  struct epoll_event event = {.events = events, .data.u32 = id};
  if (epoll_ctl(epoll, operation, fd, &event) < 0) fail("epoll_ctl");
}

void watch(int epoll, int fd, uint32_t events, uint32_t id) { control(epoll, EPOLL_CTL_ADD, fd, events, id); }

void watch_again(int epoll, int fd, uint32_t events, uint32_t id) { control(epoll, EPOLL_CTL_MOD, fd, events, id); }

static struct sockaddr_in loopback(int port, int last_byte) {
  return (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(0x7f000000u + (uint32_t)last_byte)};
}

static int new_socket(int type) {
  int fd = socket(AF_INET, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) fail("socket");
  return fd;
}

static void set(int fd, int level, int option, int value) { setsockopt(fd, level, option, &value, sizeof value); }

int tcp_listen(int port) {
  int fd = new_socket(SOCK_STREAM);
  struct sockaddr_in at = loopback(port, 1);
  set(fd, SOL_SOCKET, SO_REUSEADDR, 1);
  set(fd, IPPROTO_TCP, TCP_NODELAY, 1); /* inherited by what is accepted */
  if (bind(fd, (struct sockaddr *)&at, sizeof at) < 0 || listen(fd, 4096) < 0) fail("listen");
  return fd;
}

int tcp_connect(int port, int source) {
  int fd = new_socket(SOCK_STREAM);
  struct sockaddr_in from = loopback(0, source), to = loopback(port, 1);
  set(fd, IPPROTO_TCP, TCP_NODELAY, 1);
  if (source != 0) {
    set(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1);
    if (bind(fd, (struct sockaddr *)&from, sizeof from) < 0) fail("bind");
  }
  if (connect(fd, (struct sockaddr *)&to, sizeof to) < 0 && errno != EINPROGRESS) fail("connect");
  return fd;
}

void reset(int fd) {
  const struct linger at_once = {.l_onoff = 1, .l_linger = 0};
  setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  close(fd);
}

int udp_socket(int port, bool trains, bool connected) {
  int fd = new_socket(SOCK_DGRAM);
  struct sockaddr_in at = loopback(port, 1);
  set(fd, SOL_SOCKET, SO_RCVBUF, 4 << 20);
  set(fd, SOL_SOCKET, SO_SNDBUF, 4 << 20);
  if (trains) set(fd, IPPROTO_UDP, UDP_GRO, 1);
  int failed = connected ? connect(fd, (struct sockaddr *)&at, sizeof at) : bind(fd, (struct sockaddr *)&at, sizeof at);
  if (failed) fail(connected ? "connect" : "bind");
  return fd;
}

void set_segment(struct msghdr *message, void *control, uint16_t bytes) {
  message->msg_control = control;
  message->msg_controllen = CMSG_SPACE(sizeof bytes);
  struct cmsghdr *head = CMSG_FIRSTHDR(message);
  head->cmsg_level = IPPROTO_UDP;
  head->cmsg_type = UDP_SEGMENT;
  head->cmsg_len = CMSG_LEN(sizeof bytes);
  memcpy(CMSG_DATA(head), &bytes, sizeof bytes);
}

int segment_of(struct msghdr *message) {
  for (struct cmsghdr *head = CMSG_FIRSTHDR(message); head != NULL; head = CMSG_NXTHDR(message, head)) {
    int bytes;
    if (head->cmsg_level != IPPROTO_UDP || head->cmsg_type != UDP_GRO) continue;
    memcpy(&bytes, CMSG_DATA(head), sizeof bytes);
    return bytes;
  }
  return 0;
}

/* The first 2^sub_bits buckets are a nanosecond wide; then each power of two has 2^sub_bits of them. */
void record(struct histogram *histogram, double seconds) {
  uint64_t ns = (uint64_t)(seconds * 1e9);
  int shift = ns < (1u << sub_bits) ? 0 : 63 - __builtin_clzll(ns) - sub_bits + 1;
  uint64_t bucket = shift == 0 ? ns : ((uint64_t)shift << sub_bits) + (ns >> shift);
  histogram->counts[bucket < histogram_buckets ? bucket : histogram_buckets - 1]++;
  histogram->total++;
}

static double percentile_us(const struct histogram *histogram, double part) {
  uint64_t rank = (uint64_t)(part * (double)histogram->total), seen = 0;
  for (int bucket = 0; bucket < histogram_buckets; bucket++) {
    seen += histogram->counts[bucket];
    if (seen <= rank) continue;
    int shift = bucket >> sub_bits;
    uint64_t low = shift == 0 ? (uint64_t)bucket : (uint64_t)(bucket & ((1 << sub_bits) - 1)) << shift;
    return (double)low / 1e3;
  }
  return 0;
}

void print_latencies(const struct histogram *histogram) {
  printf(",\"p50Us\":%.2f,\"p99Us\":%.2f,\"p999Us\":%.2f", percentile_us(histogram, 0.5), percentile_us(histogram, 0.99), percentile_us(histogram, 0.999));
}
