/* What the modes of udp_load share: options, sockets, and datagrams that say for themselves whether they have arrived whole. */
#pragma once
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif
#ifndef UDP_GRO
#define UDP_GRO 104
#endif

enum { most_bytes = 65507, most_segments = 64, slot_bytes = 65536 };

/* In front of every datagram that is checked. The checksum is that of the whole datagram with 0 in its place. */
struct head {
  uint32_t magic, flow, sequence, length;
  uint64_t checksum;
};
enum { head_bytes = sizeof(struct head) };

/* Writes a datagram of at least head_bytes: numbers, and pseudo-random bytes that follow from them. */
void fill(uint8_t *at, uint32_t flow, uint32_t sequence, uint32_t length);
/* Whether it is one of ours, as long as it was and with the bytes it had. */
bool is_whole(const uint8_t *at, uint32_t length);
uint64_t mix(uint64_t value);

/* Of `name=value` among the arguments. */
long number(const char *name, long otherwise);
const char *text(const char *name, const char *otherwise);

struct address {
  struct sockaddr_storage storage;
  socklen_t size;
};
struct address address_of(const char *host, long port);
/* A UDP socket with buffers as large as the kernel gives, bound to `from` where that is not NULL. */
int udp_socket(const struct address *kin, const char *from, bool gro);
/* What the kernel has thrown away of a socket's datagrams because its buffer was full. */
unsigned overflowed(int fd);
/* The size of the datagrams in a received message, by its UDP_GRO control message, or the whole. */
uint32_t segment_size(struct msghdr *message, uint32_t length);
/* Room for one UDP_SEGMENT control message; 1 datagram needs none. */
void segment(struct msghdr *message, void *control, uint16_t size, bool several);

double now(void);
_Noreturn void fail(const char *what);
/* Set by SIGTERM. */
extern volatile sig_atomic_t told_to_end;
void end_on_sigterm(void);
void raise_descriptor_limit(void);

void verify(const char *host, long port);
void echo(const char *host, long port);
void flood(const char *host, long port);
void honest(const char *host, long port);
