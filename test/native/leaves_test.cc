// The leaf modules of the addon, alone: run by leaves.test.ts, under ASan and UBSan.
// Usage: leaves_test SEED [HELLO_FILE NAME]...   (NAME "-": the hello asks for none)
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <map>
#include <string>

#include "leaves/check.h"

namespace {

size_t passed = 0;
size_t failed = 0;

}  // namespace

void check(bool holds, const char* what, std::source_location where) {
  if (holds) {
    ++passed;
    return;
  }
  ++failed;
  static std::map<std::pair<std::string, unsigned>, int> seen;
  if (++seen[{where.file_name(), where.line()}] <= 3) {
    std::printf("%s:%u: %s\n", where.file_name(), static_cast<unsigned>(where.line()), what);
  }
}

int main(int argc, char** argv) {
  const uint64_t seed = argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 1;
  std::printf("seed %llu\n", static_cast<unsigned long long>(seed));

  std::vector<CapturedHello> captured;
  for (int i = 2; i + 1 < argc; i += 2) {
    std::ifstream file(argv[i], std::ios::binary);
    CapturedHello hello;
    hello.bytes.assign(std::istreambuf_iterator<char>(file), {});
    hello.name = std::string(argv[i + 1]) == "-" ? "" : argv[i + 1];
    captured.push_back(std::move(hello));
  }

  testPeerAddress();
  testSocketAddress();
  testCallBatch();
  testCidr(seed);
  testTimerWheel(seed);
  testCoalescing();
  testThrottle(seed);
  testLimit(seed);
  testTimeouts();
  testKeepAlive();
  testMatchers();
  testProtocols(seed);
  testProxyProtocol(seed);
  testProxies(seed);
  testDestinations(seed);
  testUpstreamSet(seed);
  testClientHello(seed, captured);

  std::printf("%zu passed, %zu failed\n", passed, failed);
  return failed == 0 ? 0 : 1;
}
