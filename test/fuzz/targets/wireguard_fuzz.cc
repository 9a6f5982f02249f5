#include "properties.h"
#include "stage/wireguard.h"

using namespace millrace;

void fuzz(Input input) {
  const WireguardMatcher wireguard;
  hold(ask(wireguard, input) == Match::no && ask(wireguard, input, true) == Match::no, "a stream is none");
  if (ask(wireguard, input, true, true) == Match::no) return;
  hold(input.size() >= 32 && input[0] >= 1 && input[0] <= 4 && input[1] == 0 && input[2] == 0 && input[3] == 0, "a message has a type and three zeros");
  hold(input[0] == 4 || input.size() == (input[0] == 1 ? 148 : input[0] == 2 ? 92 : 64), "and its length");
}
