/* Many connections that do nothing: each has sent a byte and has got it back, so the relay has both sides of it. */
#include "load.h"

/* Fewer than any relay's backlog. */
enum { at_once = 100 };

int hold(int port, int connections) {
  int epoll = new_epoll(), opened = 0, held = 0, failed = 0;
  struct epoll_event events[events_at_once];
  /* The relay may need long to open them: `span` bounds only how long nothing may happen. */
  while (held + failed < connections) {
    for (; opened < connections && opened - held - failed < at_once; opened++) {
      int fd = tcp_connect(port, 0);
      watch(epoll, fd, EPOLLOUT, (uint32_t)fd);
    }
    int count = epoll_wait(epoll, events, events_at_once, 5000);
    if (count == 0) break;
    for (int i = 0; i < count; i++) {
      int fd = (int)events[i].data.u32;
      char byte = 'x';
      bool ok = (events[i].events & EPOLLERR) == 0;
      if (ok && (events[i].events & EPOLLOUT) != 0) {
        ok = send(fd, &byte, 1, MSG_NOSIGNAL) == 1;
        if (ok) watch_again(epoll, fd, EPOLLIN, (uint32_t)fd);
      } else if (ok) {
        ok = recv(fd, &byte, 1, 0) == 1;
        if (ok) {
          held++;
          epoll_ctl(epoll, EPOLL_CTL_DEL, fd, NULL);
        }
      }
      if (ok) continue;
      failed++;
      close(fd);
    }
  }
  printf("{\"type\":\"summary\",\"done\":%d,\"failed\":%d", held, connections - held);
  return stay();
}
