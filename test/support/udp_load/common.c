#include "load.h"
#include <linux/sock_diag.h>
#include <netinet/udp.h>
#include <sys/resource.h>
#include <time.h>

volatile sig_atomic_t told_to_end;

static const uint32_t magic = 0x6d696c6c;

uint64_t mix(uint64_t value) { /* splitmix64 */
  value += 0x9e3779b97f4a7c15u;
  value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9u;
  value = (value ^ (value >> 27)) * 0x94d049bb133111ebu;
  return value ^ (value >> 31);
}

/* FNV-1a, 64 bits at a time and the rest byte by byte: every step can be undone, so no change of one word goes unseen. */
static uint64_t checksum(const uint8_t *at, uint32_t length) {
  uint64_t sum = 0xcbf29ce484222325u, word;
  for (; length >= 8; at += 8, length -= 8) {
    memcpy(&word, at, 8);
    sum = (sum ^ word) * 0x100000001b3u;
    sum ^= sum >> 29;
  }
  for (; length > 0; at++, length--) sum = (sum ^ *at) * 0x100000001b3u;
  return sum;
}

static uint64_t checksum_without_itself(const struct head *head, const uint8_t *at, uint32_t length) {
  struct head blank = *head;
  blank.checksum = 0;
  return checksum((const uint8_t *)&blank, head_bytes) ^ mix(checksum(at + head_bytes, length - head_bytes));
}

void fill(uint8_t *at, uint32_t flow, uint32_t sequence, uint32_t length) {
  struct head head = {.magic = magic, .flow = flow, .sequence = sequence, .length = length};
  uint64_t state = mix(((uint64_t)flow << 32) | sequence) | 1;
  for (uint32_t i = head_bytes; i < length; i += 8) {
    state ^= state << 13, state ^= state >> 7, state ^= state << 17;
    memcpy(at + i, &state, length - i < 8 ? length - i : 8);
  }
  head.checksum = checksum_without_itself(&head, at, length);
  memcpy(at, &head, head_bytes);
}

bool is_whole(const uint8_t *at, uint32_t length) {
  struct head head;
  if (length < head_bytes) return false;
  memcpy(&head, at, head_bytes);
  return head.magic == magic && head.length == length && head.checksum == checksum_without_itself(&head, at, length);
}

double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

void fail(const char *what) {
  perror(what);
  exit(1);
}

struct address address_of(const char *host, long port) {
  struct address made = {.size = 0};
  struct sockaddr_in four = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
  struct sockaddr_in6 six = {.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port)};
  if (inet_pton(AF_INET, host, &four.sin_addr) == 1) memcpy(&made.storage, &four, made.size = sizeof four);
  else if (inet_pton(AF_INET6, host, &six.sin6_addr) == 1) memcpy(&made.storage, &six, made.size = sizeof six);
  else errno = EINVAL, fail(host);
  return made;
}

int udp_socket(const struct address *kin, const char *from, bool gro) {
  int fd = socket(kin->storage.ss_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), size = 16 << 20, on = 1;
  if (fd < 0) fail("socket");
  /* Beyond net.core.rmem_max for root, and up to it for everybody else. */
  setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
  setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size);
  setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
  if (gro && setsockopt(fd, IPPROTO_UDP, UDP_GRO, &on, sizeof on) != 0) fail("UDP_GRO");
  if (from == NULL) return fd;
  struct address local = address_of(from, 0);
  if (bind(fd, (struct sockaddr *)&local.storage, local.size) != 0) fail("bind");
  return fd;
}

unsigned overflowed(int fd) {
  uint32_t memory[SK_MEMINFO_VARS] = {0};
  socklen_t size = sizeof memory;
  return getsockopt(fd, SOL_SOCKET, SO_MEMINFO, memory, &size) == 0 ? memory[SK_MEMINFO_DROPS] : 0;
}

uint32_t segment_size(struct msghdr *message, uint32_t length) {
  for (struct cmsghdr *control = CMSG_FIRSTHDR(message); control != NULL; control = CMSG_NXTHDR(message, control)) {
    int size;
    if (control->cmsg_level != IPPROTO_UDP || control->cmsg_type != UDP_GRO) continue;
    memcpy(&size, CMSG_DATA(control), sizeof size);
    return (uint32_t)size;
  }
  return length;
}

void segment(struct msghdr *message, void *control, uint16_t size, bool several) {
  message->msg_control = several ? control : NULL;
  message->msg_controllen = several ? CMSG_SPACE(sizeof size) : 0;
  if (!several) return;
  struct cmsghdr *header = CMSG_FIRSTHDR(message);
  header->cmsg_level = IPPROTO_UDP;
  header->cmsg_type = UDP_SEGMENT;
  header->cmsg_len = CMSG_LEN(sizeof size);
  memcpy(CMSG_DATA(header), &size, sizeof size);
}

static void on_sigterm(int signal) {
  (void)signal;
  told_to_end = 1;
}

void end_on_sigterm(void) {
  struct sigaction action = {.sa_handler = on_sigterm}; /* without SA_RESTART: waiting ends */
  if (sigaction(SIGTERM, &action, NULL) != 0) fail("sigaction");
}

void raise_descriptor_limit(void) {
  struct rlimit limit;
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) fail("getrlimit");
  limit.rlim_cur = limit.rlim_max;
  if (setrlimit(RLIMIT_NOFILE, &limit) != 0) fail("setrlimit");
}
