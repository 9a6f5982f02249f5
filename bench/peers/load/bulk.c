/* As many bytes as go through, over some connections. Counts what the sockets take: the warm-up has filled the buffers. */
#include "load.h"

enum { chunk_bytes = 128 << 10, chunks_in_a_row = 8 };

int bulk(int port, int connections) {
  static char chunk[chunk_bytes];
  int epoll = new_epoll();
  struct epoll_event events[events_at_once];
  uint64_t bytes = 0, failed = 0;
  for (int i = 0; i < connections; i++) {
    int fd = tcp_connect(port, 0);
    watch(epoll, fd, EPOLLOUT, (uint32_t)fd);
  }
  while (span_runs()) {
    int count = epoll_wait(epoll, events, events_at_once, 50);
    for (int i = 0; i < count; i++) {
      int fd = (int)events[i].data.u32;
      ssize_t sent = chunk_bytes;
      for (int in_a_row = 0; in_a_row < chunks_in_a_row && sent == chunk_bytes; in_a_row++) {
        sent = send(fd, chunk, sizeof chunk, MSG_NOSIGNAL);
        if (sent > 0 && span.measuring) bytes += (uint64_t)sent;
      }
      if (sent < 0 && errno != EAGAIN) {
        failed++;
        close(fd);
      }
    }
  }
  print_summary(bytes, failed);
  return stay();
}
