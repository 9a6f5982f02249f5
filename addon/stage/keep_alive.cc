#include "stage/keep_alive.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <cerrno>

namespace millrace {
namespace {

int option(int fd, int level, int name, int value) {
  return setsockopt(fd, level, name, &value, sizeof value) == 0 ? 0 : -errno;
}

int get(int fd, int name, int& value) {
  socklen_t length = sizeof value;
  return getsockopt(fd, SOL_SOCKET, name, &value, &length) == 0 ? 0 : -errno;
}

}  // namespace

int applyKeepAlive(int fd, const KeepAlive& settings) {
  int domain = 0;
  int type = 0;
  if (const int error = get(fd, SO_DOMAIN, domain)) return error;
  if (const int error = get(fd, SO_TYPE, type)) return error;
  if ((domain != AF_INET && domain != AF_INET6) || type != SOCK_STREAM) return 0;

  if (const int error = option(fd, SOL_SOCKET, SO_KEEPALIVE, 1)) return error;
  const struct {
    int name;
    uint32_t value;
  } options[] = {
      {TCP_KEEPIDLE, settings.idleSeconds},
      {TCP_KEEPINTVL, settings.intervalSeconds},
      {TCP_KEEPCNT, settings.probes},
      {TCP_USER_TIMEOUT, settings.userTimeoutMs},
  };
  for (const auto& [name, value] : options) {
    if (value == 0) continue;
    if (value > INT32_MAX) return -EINVAL;
    if (const int error = option(fd, IPPROTO_TCP, name, static_cast<int>(value))) return error;
  }
  return 0;
}

}  // namespace millrace
