// What libFuzzer calls, and what is the same in every target.
#include "properties.h"

std::vector<size_t> cutsOf(Input input) {
  constexpr size_t shortInput = 64, atBegin = 16, atEnd = 8, between = 24;
  std::vector<size_t> cuts;
  if (input.size() <= shortInput) {
    for (size_t length = 0; length <= input.size(); ++length) cuts.push_back(length);
    return cuts;
  }
  uint64_t state = 0xcbf29ce484222325;  // FNV-1a
  for (const uint8_t byte : input) state = (state ^ byte) * 0x100000001b3;
  for (size_t length = 0; length <= atBegin; ++length) cuts.push_back(length);
  for (size_t i = 0; i < between; ++i) {
    state = state * 6364136223846793005 + 1442695040888963407;
    cuts.push_back(size_t(state >> 33) % input.size());
  }
  for (size_t left = 0; left <= atEnd; ++left) cuts.push_back(input.size() - left);
  std::sort(cuts.begin(), cuts.end());
  return cuts;
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  fuzz({data, size});
  return 0;
}
