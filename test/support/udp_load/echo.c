/*
 * Sends back what comes, in groups as large as it came where gro is on. What begins with "flood" is read and not answered, so that
 * those who flood are never answered and those who do not are.
 */
#include "load.h"
#include <poll.h>

enum { batch = 32 };

void echo(const char *host, long port) {
  static struct mmsghdr messages[batch], answers[batch];
  static struct iovec parts[batch];
  static struct sockaddr_storage froms[batch];
  static uint8_t controls[batch][64];
  bool gro = number("gro", 0) != 0;
  struct address at = address_of(host, port);
  int fd = udp_socket(&at, NULL, gro);
  uint8_t *slots = malloc((size_t)batch * (slot_bytes + 320));
  if (slots == NULL || bind(fd, (struct sockaddr *)&at.storage, at.size) != 0) fail("bind");
  struct address bound = {.size = sizeof bound.storage};
  if (getsockname(fd, (struct sockaddr *)&bound.storage, &bound.size) != 0) fail("getsockname");
  printf("ready %u\n", ntohs(((struct sockaddr_in *)&bound.storage)->sin_port)); /* the port is in the same place for IPv6 */
  end_on_sigterm();

  uint64_t received = 0, answered = 0;
  while (!told_to_end) {
    struct pollfd readable = {fd, POLLIN, 0};
    if (poll(&readable, 1, -1) < 0) continue;
    for (int i = 0; i < batch; i++) {
      parts[i] = (struct iovec){slots + (size_t)i * (slot_bytes + 320), slot_bytes};
      messages[i].msg_hdr = (struct msghdr){.msg_name = &froms[i], .msg_namelen = sizeof froms[i], .msg_iov = &parts[i], .msg_iovlen = 1,
                                            .msg_control = controls[i], .msg_controllen = sizeof controls[i]};
    }
    int count = recvmmsg(fd, messages, batch, MSG_DONTWAIT, NULL), some = 0;
    for (int i = 0; i < count; i++) {
      uint32_t length = messages[i].msg_len, size = segment_size(&messages[i].msg_hdr, length);
      uint32_t datagrams = length == 0 ? 1 : (length + size - 1) / size;
      received += datagrams;
      if (length >= 5 && memcmp(parts[i].iov_base, "flood", 5) == 0) continue;
      parts[i].iov_len = length;
      answers[some].msg_hdr = messages[i].msg_hdr;
      segment(&answers[some].msg_hdr, controls[i], (uint16_t)size, datagrams > 1);
      some++, answered += datagrams;
    }
    for (int done = 0; done < some;) {
      int taken = sendmmsg(fd, answers + done, (unsigned)(some - done), 0);
      if (taken > 0) done += taken;
      else if (errno == EAGAIN) poll(&(struct pollfd){fd, POLLOUT, 0}, 1, 1000);
      else if (errno != EINTR) done++; /* an earlier datagram's ICMP error, or somebody who cannot be answered */
    }
  }
  printf("{\"received\":%lu,\"answered\":%lu,\"overflowed\":%u}\n", received, answered, overflowed(fd));
}
