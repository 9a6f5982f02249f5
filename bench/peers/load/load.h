/*
 * What the modes of the load share. A mode is one client or one server: one thread, one epoll, everything on 127.0.0.1.
 * A mode returns the exit code of the process; what cannot go on ends it with `fail`.
 */
#pragma once
#define _GNU_SOURCE
#include <errno.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif
#ifndef UDP_GRO
#define UDP_GRO 104
#endif

enum { events_at_once = 512 };

int tcp_sink(int port);
int tcp_echo(int port);
int udp_echo(int port, bool trains);
int bulk(int port, int connections);
int requests(int port, int connections, int bytes);
int paced(int port, int connections, int message_bytes, int rate);
int churn(int port, int connections);
int hold(int port, int connections);
int datagrams(int port, int flows, int bytes, int window, const char *kind);

/* Time: a load warms up, says so, and is measured for a while. `span` is the only one, set by main. */
struct span {
  double warm_until, until, measured_from, measured_until;
  bool measuring;
};
extern struct span span;
double now(void);
/* Whether to go on; says {"type":"started"} once, when the warm-up is over. */
bool span_runs(void);
/* {"type":"summary","seconds":…,"done":…,"failed":… without the closing brace. */
void print_summary(uint64_t done, uint64_t failed);
/* Ends the summary and stays, with every connection, until it is ended: what a relay does when they close is not measured. */
_Noreturn int stay(void);

_Noreturn void fail(const char *what);
int new_epoll(void);
void watch(int epoll, int fd, uint32_t events, uint32_t id);
void watch_again(int epoll, int fd, uint32_t events, uint32_t id);

int tcp_listen(int port);
/* Does not wait for the handshake. `source`: the last byte of the address it comes from, for more ports than one address has; 0: whichever. */
int tcp_connect(int port, int source);
/* Closes with a reset, which leaves no TIME_WAIT behind. */
void reset(int fd);
int udp_socket(int port, bool trains, bool connected);
/* Makes a message leave as datagrams of `bytes` each; `control` is at least control_bytes. */
enum { control_bytes = 64 };
void set_segment(struct msghdr *message, void *control, uint16_t bytes);
/* The size of the datagrams in a received train, or 0 where it is not one. */
int segment_of(struct msghdr *message);

/* Latencies, in buckets that are 1.6 % wide. */
enum { sub_bits = 6, histogram_buckets = (64 - sub_bits + 1) << sub_bits };
struct histogram {
  uint64_t total, counts[histogram_buckets];
};
void record(struct histogram *histogram, double seconds);
/* Adds ,"p50Us":…,"p99Us":…,"p999Us":… to a summary. */
void print_latencies(const struct histogram *histogram);
