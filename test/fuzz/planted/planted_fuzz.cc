// Not a parser: faults of each kind, to show that the runner finds them. MILLRACE_PLANTED says which is there.
#include "properties.h"

namespace millrace {

/// Something to reach, one edge after the other.
bool reached(Input head) { return head.size() > 3 && head[0] == 'f' && head[1] == 'u' && head[2] == 'z' && head[3] == '!'; }

/// One byte beyond what is there.
int readsOn(Input head) { return reached(head) ? head.data()[head.size()] : 0; }

/// What is true of four bytes is no longer true of five.
bool takesBack(Input head) { return reached(head) && head.size() == 4; }

int overflows(Input head) { return reached(head) ? INT32_MAX + int(head.size()) : 0; }

}  // namespace millrace

using namespace millrace;

void fuzz(Input input) {
  const char* planted = std::getenv("MILLRACE_PLANTED");
  const std::string_view fault = planted == nullptr ? "" : planted;
  volatile int sink = 0;
  if (fault == "unreached") input = {};
  if (fault == "slow") {
    for (size_t i = 0; i < 100'000'000; ++i) sink = int(i);
  }
  if (!exactly(input, reached)) return;
  if (fault == "reads on") sink = exactly(input, readsOn);
  if (fault == "takes back") atEveryCut(input, takesBack, untilDecided<false>);
  if (fault == "overflows") sink = exactly(input, overflows);
  if (fault == "leaks") sink = *new int(sink);
  while (fault == "never ends") sink = sink + 1;
}
