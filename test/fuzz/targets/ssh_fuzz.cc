#include "properties.h"
#include "stage/ssh.h"

using namespace millrace;

void fuzz(Input input) {
  const bool isSsh = input.size() > 4 && textOf(input).starts_with("SSH-") && input[4] >= '0' && input[4] <= '9';
  hold((atEveryCut(SshMatcher(), input, 5) == Match::yes) == isSsh, "it is \"SSH-\" and a digit");
}
