// The data path's system calls (internal). One thin function each: never blocks, never raises SIGPIPE, retries EINTR here and
// nowhere else, and returns a count (or descriptor) or -errno, so that no caller reads errno.
#pragma once
#include <errno.h>
#include <sys/socket.h>

#include <cstddef>
#include <cstdint>

#include "core/fd.h"

namespace millrace::sys {

/// Runs `call` until it is not interrupted; its result, or -errno.
template <class Call>
inline auto retry(Call&& call) -> decltype(call()) {
  for (;;) {
    const auto got = call();
    if (got >= 0) return got;
    if (errno != EINTR) return -errno;
  }
}

inline bool wouldBlock(ssize_t result) { return result == -EAGAIN || result == -EWOULDBLOCK; }

inline ssize_t recv(int fd, void* into, size_t size) {
  return retry([&] { return ::recv(fd, into, size, MSG_DONTWAIT); });
}

/// What recv would bring, which stays where it is.
inline ssize_t peek(int fd, void* into, size_t size) {
  return retry([&] { return ::recv(fd, into, size, MSG_DONTWAIT | MSG_PEEK); });
}

inline ssize_t send(int fd, const void* from, size_t size) {
  return retry([&] { return ::send(fd, from, size, MSG_NOSIGNAL | MSG_DONTWAIT); });
}

inline ssize_t sendmsg(int fd, const msghdr& message) {
  return retry([&] { return ::sendmsg(fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT); });
}

/// Datagrams sent, at least one, or -errno of the first.
inline int sendmmsg(int fd, mmsghdr* messages, unsigned count) {
  return retry([&] { return ::sendmmsg(fd, messages, count, MSG_NOSIGNAL | MSG_DONTWAIT); });
}

/// Datagrams received, at least one, or -errno. No timeout: the kernel looks at it only when a datagram has come.
inline int recvmmsg(int fd, mmsghdr* messages, unsigned count) {
  return retry([&] { return ::recvmmsg(fd, messages, count, MSG_DONTWAIT, nullptr); });
}

inline ssize_t recvmsg(int fd, msghdr& message) {
  return retry([&] { return ::recvmsg(fd, &message, MSG_DONTWAIT); });
}

inline int accept(int fd, sockaddr* address, socklen_t* length) {
  return retry([&] { return ::accept4(fd, address, length, SOCK_NONBLOCK | SOCK_CLOEXEC); });
}

/// A non-blocking, close-on-exec socket, or -errno.
int socket(int family, int type);

/// 0 or -errno. Not retried: an interrupted connect goes on by itself (EINPROGRESS).
int connect(int fd, const sockaddr* address, socklen_t length);

/// Reads and clears SO_ERROR: 0, or the positive errno of the socket.
int socketError(int fd);

/// Whether the handshake is over and the connection stands; unlike a second connect(2) this neither takes an error nor, after a reset,
/// throws away what can still be read.
bool isConnected(int fd);

/// Datagrams, or trains of them, that a socket has lost since it had lost `before`, which is then what it has lost by now.
uint32_t lostSince(int fd, uint32_t& before);

/// FIN to the peer; 0 or -errno.
int shutdownWrite(int fd);

/// The next close of `fd` sends RST and leaves nothing in TIME_WAIT.
void setLingerZero(int fd);

void setInt(int fd, int level, int option, int value);
/// 0 or -errno.
int trySetInt(int fd, int level, int option, int value);
int getInt(int fd, int level, int option);

/// Asks for a receive or send buffer of `bytes`, beyond the system's limit where that is permitted; the bytes obtained.
int setReceiveBuffer(int fd, int bytes);
int setSendBuffer(int fd, int bytes);

/// Whether the socket drops whatever comes, which the kernel then counts as lost.
void refuseDatagrams(int fd, bool refuse);

/// Bytes the peer has not yet acknowledged; 0 where the kernel does not say.
int unsentBytes(int fd);

/// From which port on the kernel chooses for whoever does not say.
uint16_t firstEphemeralPort();

/// Has the calling thread's sleeps end when they are over; without it the kernel joins them with others up to 50 µs later (prctl(2), PR_SET_TIMERSLACK).
void sleepExactly();
/// Below a second; less where a signal comes.
void sleepUs(uint32_t us);

/// CLOCK_MONOTONIC.
uint64_t nowMs();
uint64_t nowNs();

}  // namespace millrace::sys
