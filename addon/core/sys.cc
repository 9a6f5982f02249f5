#include "core/sys.h"

#include <linux/filter.h>
#include <linux/sock_diag.h>
#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <time.h>

#include <cstdio>
#include <utility>

namespace millrace::sys {

int socket(int family, int type) {
  const int fd = ::socket(family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  return fd >= 0 ? fd : -errno;
}

int connect(int fd, const sockaddr* address, socklen_t length) {
  if (::connect(fd, address, length) == 0) return 0;
  return errno == EINTR ? -EINPROGRESS : -errno;
}

int socketError(int fd) {
  int error = 0;
  socklen_t size = sizeof error;
  if (::getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) < 0) return errno;
  return error;
}

bool isConnected(int fd) {
  sockaddr_storage peer;
  socklen_t size = sizeof peer;
  return ::getpeername(fd, reinterpret_cast<sockaddr*>(&peer), &size) == 0;
}

uint32_t lostSince(int fd, uint32_t& before) {
  uint32_t info[SK_MEMINFO_VARS] = {};
  socklen_t size = sizeof info;
  if (::getsockopt(fd, SOL_SOCKET, SO_MEMINFO, info, &size) < 0) return 0;
  return info[SK_MEMINFO_DROPS] - std::exchange(before, info[SK_MEMINFO_DROPS]);
}

int shutdownWrite(int fd) { return ::shutdown(fd, SHUT_WR) == 0 ? 0 : -errno; }

void setLingerZero(int fd) {
  const linger zero{1, 0};
  ::setsockopt(fd, SOL_SOCKET, SO_LINGER, &zero, sizeof zero);
}

void setInt(int fd, int level, int option, int value) { ::setsockopt(fd, level, option, &value, sizeof value); }

int trySetInt(int fd, int level, int option, int value) {
  return ::setsockopt(fd, level, option, &value, sizeof value) == 0 ? 0 : -errno;
}

int getInt(int fd, int level, int option) {
  int value = 0;
  socklen_t size = sizeof value;
  return ::getsockopt(fd, level, option, &value, &size) == 0 ? value : 0;
}

// The kernel doubles what is asked for, since it counts its own bookkeeping too, and tells the doubled value.
int setReceiveBuffer(int fd, int bytes) {
  if (trySetInt(fd, SOL_SOCKET, SO_RCVBUFFORCE, bytes) < 0) setInt(fd, SOL_SOCKET, SO_RCVBUF, bytes);
  return getInt(fd, SOL_SOCKET, SO_RCVBUF) / 2;
}

int setSendBuffer(int fd, int bytes) {
  if (trySetInt(fd, SOL_SOCKET, SO_SNDBUFFORCE, bytes) < 0) setInt(fd, SOL_SOCKET, SO_SNDBUF, bytes);
  return getInt(fd, SOL_SOCKET, SO_SNDBUF) / 2;
}

void refuseDatagrams(int fd, bool refuse) {
  sock_filter nothing = BPF_STMT(BPF_RET | BPF_K, 0);
  const sock_fprog program{1, &nothing};
  ::setsockopt(fd, SOL_SOCKET, refuse ? SO_ATTACH_FILTER : SO_DETACH_FILTER, &program, sizeof program);
}

int unsentBytes(int fd) {
  int bytes = 0;
  return ::ioctl(fd, SIOCOUTQ, &bytes) == 0 ? bytes : 0;
}

uint16_t firstEphemeralPort() {
  unsigned first = 32768;
  if (FILE* range = std::fopen("/proc/sys/net/ipv4/ip_local_port_range", "re")) {
    if (std::fscanf(range, "%u", &first) != 1) first = 32768;
    std::fclose(range);
  }
  return uint16_t(first);
}

void sleepExactly() { ::prctl(PR_SET_TIMERSLACK, 1'000); }

void sleepUs(uint32_t us) {
  const timespec wait{.tv_sec = 0, .tv_nsec = long(us) * 1000};
  ::clock_nanosleep(CLOCK_MONOTONIC, 0, &wait, nullptr);
}

uint64_t nowMs() { return nowNs() / 1'000'000; }

uint64_t nowNs() {
  timespec now;
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return uint64_t(now.tv_sec) * 1'000'000'000 + uint64_t(now.tv_nsec);
}

}  // namespace millrace::sys
