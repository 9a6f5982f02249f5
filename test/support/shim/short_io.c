/*
 * An LD_PRELOAD library that makes a well-behaved kernel behave badly, by chance that can be repeated: it shortens recv, recvmsg,
 * send, sendmsg and splice and injects EAGAIN and EINTR, on stream sockets only. libuv reads and writes with read(2) and write(2), so
 * Node's own sockets do not notice. MILLRACE_SHIM_SEED seeds it; MILLRACE_SHIM_REPORT names a file for what it did.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

static atomic_uint_least64_t state;
static atomic_ullong calls, shortened, again, interrupted;

typedef ssize_t (*recv_fn)(int, void *, size_t, int);
typedef ssize_t (*send_fn)(int, const void *, size_t, int);
typedef ssize_t (*recvmsg_fn)(int, struct msghdr *, int);
typedef ssize_t (*sendmsg_fn)(int, const struct msghdr *, int);
typedef ssize_t (*splice_fn)(int, off64_t *, int, off64_t *, size_t, unsigned);
static recv_fn real_recv;
static send_fn real_send;
static recvmsg_fn real_recvmsg;
static sendmsg_fn real_sendmsg;
static splice_fn real_splice;

__attribute__((constructor)) static void begin(void) {
  const char *seed = getenv("MILLRACE_SHIM_SEED");
  atomic_store(&state, seed ? strtoull(seed, NULL, 0) : 1);
  real_recv = (recv_fn)dlsym(RTLD_NEXT, "recv");
  real_send = (send_fn)dlsym(RTLD_NEXT, "send");
  real_recvmsg = (recvmsg_fn)dlsym(RTLD_NEXT, "recvmsg");
  real_sendmsg = (sendmsg_fn)dlsym(RTLD_NEXT, "sendmsg");
  real_splice = (splice_fn)dlsym(RTLD_NEXT, "splice");
}

__attribute__((destructor)) static void report(void) {
  const char *path = getenv("MILLRACE_SHIM_REPORT");
  FILE *file = path ? fopen(path, "w") : NULL;
  if (!file) return;
  fprintf(file, "{\"calls\":%llu,\"shortened\":%llu,\"again\":%llu,\"interrupted\":%llu}\n", atomic_load(&calls),
          atomic_load(&shortened), atomic_load(&again), atomic_load(&interrupted));
  fclose(file);
}

/* splitmix64: one atomic add a number, so every thread takes from the same sequence. */
static uint64_t chance(void) {
  uint64_t z = atomic_fetch_add(&state, 0x9e3779b97f4a7c15u) + 0x9e3779b97f4a7c15u;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

static int concerns(int fd, size_t length) {
  int saved = errno, value = 0;
  socklen_t size = sizeof value;
  int yes = length > 0 && getsockopt(fd, SOL_SOCKET, SO_TYPE, &value, &size) == 0 && value == SOCK_STREAM;
  errno = saved;
  if (yes) atomic_fetch_add(&calls, 1);
  return yes;
}

/* One call in eight is EAGAIN, one in sixteen EINTR; 1 when errno is set and the call must not happen. */
static int refused(void) {
  unsigned dice = chance() % 16;
  if (dice >= 3) return 0;
  atomic_fetch_add(dice ? &again : &interrupted, 1);
  errno = dice ? EAGAIN : EINTR;
  return 1;
}

/* Half of the calls as they are; the others cut to one byte, to a few, or anywhere. */
static size_t cut(size_t length) {
  uint64_t dice = chance();
  size_t to = length;
  switch (dice % 8) {
    case 0: to = 1; break;
    case 1: to = 1 + (dice >> 8) % 64; break;
    case 2: to = 1 + (dice >> 8) % 4096; break;
    case 3: to = 1 + (dice >> 8) % length; break;
  }
  if (to >= length) return length;
  atomic_fetch_add(&shortened, 1);
  return to;
}

/* A copy of the vector that holds `length` bytes at most. */
static size_t cut_vector(const struct iovec *from, size_t count, struct iovec *to, size_t length) {
  size_t used = 0;
  for (; used < count && length > 0; used++) {
    to[used] = from[used];
    if (to[used].iov_len > length) to[used].iov_len = length;
    length -= to[used].iov_len;
  }
  return used;
}

static size_t vector_bytes(const struct msghdr *message) {
  size_t sum = 0;
  for (size_t i = 0; i < message->msg_iovlen; i++) sum += message->msg_iov[i].iov_len;
  return sum;
}

ssize_t recv(int fd, void *buffer, size_t length, int flags) {
  if (!concerns(fd, length)) return real_recv(fd, buffer, length, flags);
  return refused() ? -1 : real_recv(fd, buffer, cut(length), flags);
}

ssize_t send(int fd, const void *buffer, size_t length, int flags) {
  if (!concerns(fd, length)) return real_send(fd, buffer, length, flags);
  return refused() ? -1 : real_send(fd, buffer, cut(length), flags);
}

ssize_t recvmsg(int fd, struct msghdr *message, int flags) {
  size_t length = vector_bytes(message);
  if (message->msg_controllen > 0 || message->msg_iovlen > 1024 || !concerns(fd, length)) return real_recvmsg(fd, message, flags);
  if (refused()) return -1;
  struct iovec vector[1024];
  struct msghdr shorter = *message;
  shorter.msg_iov = vector;
  shorter.msg_iovlen = cut_vector(message->msg_iov, message->msg_iovlen, vector, cut(length));
  ssize_t got = real_recvmsg(fd, &shorter, flags);
  message->msg_namelen = shorter.msg_namelen;
  message->msg_flags = shorter.msg_flags;
  return got;
}

ssize_t sendmsg(int fd, const struct msghdr *message, int flags) {
  size_t length = vector_bytes(message);
  if (message->msg_controllen > 0 || message->msg_iovlen > 1024 || !concerns(fd, length)) return real_sendmsg(fd, message, flags);
  if (refused()) return -1;
  struct iovec vector[1024];
  struct msghdr shorter = *message;
  shorter.msg_iov = vector;
  shorter.msg_iovlen = cut_vector(message->msg_iov, message->msg_iovlen, vector, cut(length));
  return real_sendmsg(fd, &shorter, flags);
}

/* Of the two descriptors one is the socket, the other a pipe. */
ssize_t splice(int from, off64_t *from_offset, int to, off64_t *to_offset, size_t length, unsigned flags) {
  if (!concerns(from, length) && !concerns(to, length)) return real_splice(from, from_offset, to, to_offset, length, flags);
  return refused() ? -1 : real_splice(from, from_offset, to, to_offset, cut(length), flags);
}

/* What -D_FORTIFY_SOURCE makes of recv. */
ssize_t __recv_chk(int fd, void *buffer, size_t length, size_t room, int flags) {
  if (length > room) abort();
  return recv(fd, buffer, length, flags);
}
