/*
 * Connection churn: each thread connects, sends a byte, awaits its echo and resets, again and again. Prints how many that were.
 *
 *   accept_load PORT SECONDS CPU[,CPU...]    (a thread on each of these CPUs)
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static struct sockaddr_in server;
static double until;

struct client {
  pthread_t thread;
  int cpu;
  unsigned long done, failed;
};

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static int once(void) {
  const struct linger reset = {1, 0};
  char byte = 'x';
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return 0;
  int ok = connect(fd, (struct sockaddr *)&server, sizeof server) == 0 && send(fd, &byte, 1, MSG_NOSIGNAL) == 1 && recv(fd, &byte, 1, 0) == 1;
  setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
  close(fd);
  return ok;
}

static void *churn(void *argument) {
  struct client *client = argument;
  cpu_set_t cpus;
  CPU_ZERO(&cpus);
  CPU_SET(client->cpu, &cpus);
  pthread_setaffinity_np(pthread_self(), sizeof cpus, &cpus);
  while (now() < until) {
    if (once()) client->done++;
    else client->failed++;
  }
  return NULL;
}

int main(int argc, char **argv) {
  if (argc != 4) return 2;
  struct client clients[64] = {{0}};
  int count = 0;
  server.sin_family = AF_INET;
  server.sin_port = htons((unsigned short)atoi(argv[1]));
  server.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  until = now() + atof(argv[2]);
  for (char *cpu = strtok(argv[3], ","); cpu && count < 64; cpu = strtok(NULL, ",")) clients[count++].cpu = atoi(cpu);
  for (int i = 0; i < count; i++) pthread_create(&clients[i].thread, NULL, churn, &clients[i]);
  unsigned long done = 0, failed = 0;
  for (int i = 0; i < count; i++) {
    pthread_join(clients[i].thread, NULL);
    done += clients[i].done;
    failed += clients[i].failed;
  }
  printf("{\"type\":\"summary\",\"done\":%lu,\"failed\":%lu}\n", done, failed);
  return 0;
}
