/* Sends datagrams back, many with one call; with `trains` what the kernel has joined goes back joined. */
#include "load.h"

#include <poll.h>

enum { batch = 64, train_bytes = 65536, datagram_bytes = 2048 };

int udp_echo(int port, bool trains) {
  static struct mmsghdr messages[batch];
  static struct iovec parts[batch];
  static struct sockaddr_in peers[batch];
  static _Alignas(struct cmsghdr) char controls[batch][control_bytes];
  size_t slot = trains ? train_bytes : datagram_bytes;
  char *memory = malloc(batch * slot);
  struct pollfd waiting = {.fd = udp_socket(port, trains, false), .events = POLLIN};
  if (memory == NULL) fail("malloc");
  for (;;) {
    for (size_t i = 0; i < batch; i++) {
      parts[i] = (struct iovec){.iov_base = memory + i * slot, .iov_len = slot};
      messages[i].msg_hdr = (struct msghdr){.msg_name = &peers[i], .msg_namelen = sizeof peers[i], .msg_iov = &parts[i], .msg_iovlen = 1,
                                            .msg_control = trains ? controls[i] : NULL, .msg_controllen = trains ? control_bytes : 0};
    }
    int got = recvmmsg(waiting.fd, messages, batch, 0, NULL);
    if (got < 0) {
      if (errno == EAGAIN) poll(&waiting, 1, -1);
      continue;
    }
    for (int i = 0; i < got; i++) {
      int segment = segment_of(&messages[i].msg_hdr);
      parts[i].iov_len = messages[i].msg_len;
      messages[i].msg_hdr.msg_control = NULL;
      messages[i].msg_hdr.msg_controllen = 0;
      if (segment > 0 && messages[i].msg_len > (unsigned)segment) set_segment(&messages[i].msg_hdr, controls[i], (uint16_t)segment);
    }
    /* What cannot be sent is lost, as datagrams are. */
    for (int sent = 0; sent < got;) {
      int more = sendmmsg(waiting.fd, messages + sent, (unsigned)(got - sent), 0);
      sent += more > 0 ? more : 1;
    }
  }
}
