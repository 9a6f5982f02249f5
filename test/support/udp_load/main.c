/*
 * Datagrams as fast as C sends them, for test/support/udp-load.ts.
 *
 *   verify HOST PORT [flows=1] [count=1000] [size=64 | size=24-1200] [window=16] [gso=1] [from=ADDRESS] [patience=10]
 *   echo HOST PORT [gro=1]
 *   flood HOST PORT [sources=1000] [rate=10000] [seconds=1] [from=172.16.0.0]
 *   honest HOST PORT [flows=1] [rate=1000] [size=64] [from=ADDRESS]
 *
 * Each says what it has seen as one line of JSON, echo and honest when SIGTERM ends them.
 */
#include "load.h"

static char **arguments;

const char *text(const char *name, const char *otherwise) {
  size_t length = strlen(name);
  for (char **one = arguments; *one != NULL; one++)
    if (strncmp(*one, name, length) == 0 && (*one)[length] == '=') return *one + length + 1;
  return otherwise;
}

long number(const char *name, long otherwise) {
  const char *found = text(name, NULL);
  return found == NULL ? otherwise : strtol(found, NULL, 10);
}

int main(int count, char **given) {
  static const struct {
    const char *name;
    void (*run)(const char *host, long port);
  } modes[] = {{"verify", verify}, {"echo", echo}, {"flood", flood}, {"honest", honest}};
  if (count < 4) return fprintf(stderr, "usage: udp_load MODE HOST PORT [name=value …]\n"), 2;
  arguments = given + 4;
  setvbuf(stdout, NULL, _IOLBF, 0);
  raise_descriptor_limit();
  for (size_t i = 0; i < sizeof modes / sizeof *modes; i++)
    if (strcmp(given[1], modes[i].name) == 0) return modes[i].run(given[2], strtol(given[3], NULL, 10)), 0;
  return fprintf(stderr, "udp_load: no mode %s\n", given[1]), 2;
}
