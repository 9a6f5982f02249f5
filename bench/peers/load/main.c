/*
 * The load of bench:peers and of the soak: the clients, and the servers behind the relays. Prints JSON lines. A client sends nothing after its summary, and ends by
 * itself 30 seconds later.
 *
 *   load sink|echo|udp-echo|udp-echo-trains PORT LIFE_SECONDS
 *   load bulk|churn WARM SECONDS PORT CONNECTIONS
 *   load requests WARM SECONDS PORT CONNECTIONS BYTES
 *   load paced WARM SECONDS PORT CONNECTIONS BYTES RATE               (RATE messages a second, of all connections)
 *   load hold WARM SECONDS PORT CONNECTIONS                           (opens them and does nothing more)
 *   load plain|trains|stun WARM SECONDS PORT FLOWS BYTES WINDOW       (datagrams)
 */
#include "load.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>

static int arguments;
static char **values;

static int number(int index) {
  if (index >= arguments) {
    fprintf(stderr, "load: an argument is missing, see main.c\n");
    exit(2);
  }
  return atoi(values[index]);
}

static int serve(const char *mode) {
  int port = number(2);
  alarm((unsigned)number(3));
  if (strcmp(mode, "sink") == 0) return tcp_sink(port);
  if (strcmp(mode, "echo") == 0) return tcp_echo(port);
  return udp_echo(port, strcmp(mode, "udp-echo-trains") == 0);
}

int main(int argc, char **argv) {
  arguments = argc;
  values = argv;
  if (argc < 4) number(argc);
  /* Whoever started it has perhaps been killed: nothing of this may stay. */
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  setvbuf(stdout, NULL, _IOLBF, 0);
  struct rlimit files;
  getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);

  const char *mode = argv[1];
  if (strcmp(mode, "sink") == 0 || strcmp(mode, "echo") == 0 || strncmp(mode, "udp-echo", 8) == 0) return serve(mode);
  double warm = atof(argv[2]), seconds = atof(argv[3]);
  int port = number(4), count = number(5);
  span.warm_until = now() + warm;
  span.until = span.warm_until + seconds;
  alarm((unsigned)(warm + seconds) + 30); /* so is a relay that answers nothing */
  if (strcmp(mode, "bulk") == 0) return bulk(port, count);
  if (strcmp(mode, "churn") == 0) return churn(port, count);
  if (strcmp(mode, "hold") == 0) return hold(port, count);
  if (strcmp(mode, "requests") == 0) return requests(port, count, number(6));
  if (strcmp(mode, "paced") == 0) return paced(port, count, number(6), number(7));
  return datagrams(port, count, number(6), number(7), mode);
}
