// The first byte says how long the prefix is that follows it, the rest is the head.
#include "properties.h"
#include "stage/prefix.h"

using namespace millrace;

void fuzz(Input input) {
  if (input.empty()) return;
  const size_t length = std::min<size_t>(input[0], input.size() - 1);
  const Input bytes = input.subspan(1, length), head = input.subspan(1 + length);
  const PrefixMatcher prefix(Bytes(bytes.begin(), bytes.end()));
  hold((atEveryCut(prefix, head, length) == Match::yes) == textOf(head).starts_with(textOf(bytes)), "yes is that the head begins with it");
  hold(atEveryCut(prefix, bytes, length) == Match::yes, "it begins with itself");
}
