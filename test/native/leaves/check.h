// What the native leaf tests share: counting checks, a seeded generator, and the list of tests.
#pragma once

#include <cstdint>
#include <random>
#include <source_location>
#include <span>
#include <string>
#include <vector>

// Counts, and prints what failed (the first few of one place; a property fails a million times).
void check(bool holds, const char* what, std::source_location where = std::source_location::current());

struct Random {
  explicit Random(uint64_t seed) : engine(seed) {}
  uint64_t bits() { return engine(); }
  uint64_t below(uint64_t bound) { return engine() % bound; }
  bool oneIn(uint64_t n) { return below(n) == 0; }
  // Any magnitude is equally likely, which a uniform number's is not.
  uint64_t anyMagnitude() { return bits() >> below(64); }
  std::mt19937_64 engine;
};

// A ClientHello captured from a real program, and the name it asks for; empty: none.
struct CapturedHello {
  std::vector<uint8_t> bytes;
  std::string name;
};

void testPeerAddress();
void testSocketAddress();
void testCallBatch();
void testCidr(uint64_t seed);
void testTimerWheel(uint64_t seed);
void testCoalescing();
void testThrottle(uint64_t seed);
void testLimit(uint64_t seed);
void testTimeouts();
void testKeepAlive();
void testMatchers();
void testProtocols(uint64_t seed);
void testProxyProtocol(uint64_t seed);
void testProxies(uint64_t seed);
void testDestinations(uint64_t seed);
void testUpstreamSet(uint64_t seed);
void testClientHello(uint64_t seed, std::span<const CapturedHello> captured);
