#include "properties.h"
#include "stage/postgres.h"

using namespace millrace;

void fuzz(Input input) {
  if (atEveryCut(PostgresMatcher(), input, 8) != Match::yes) return;
  const size_t length = size_t(input[0]) << 24 | size_t(input[1]) << 16 | size_t(input[2]) << 8 | input[3];
  hold(length >= 8 && length <= 10'004, "a first message has a length that the server takes");
}
