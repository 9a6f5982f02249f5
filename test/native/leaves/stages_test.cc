// The stages that count and time: throttle, limit, the timeouts and keepAlive.
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <map>

#include "check.h"
#include "stage/half_close_timeout.h"
#include "stage/idle_timeout.h"
#include "stage/keep_alive.h"
#include "stage/limit.h"
#include "stage/max_duration.h"
#include "stage/throttle.h"

using namespace millrace;

namespace {

using Wide = unsigned __int128;

PeerAddress address(uint32_t n, uint16_t port) {
  PeerAddress peer{.family = static_cast<uint8_t>(n % 2 == 0 ? 4 : 6)};
  peer.port[1] = static_cast<uint8_t>(port);
  peer.ip[0] = 10;
  peer.ip[3] = static_cast<uint8_t>(n);
  return peer;
}

void throttleBesideModel(Random& random) {
  const uint64_t rate = random.anyMagnitude() + (random.oneIn(4) ? 0 : 1);
  const uint64_t burst = std::max<uint64_t>(1, random.bits() >> (32 + random.below(32)));
  uint64_t nowMs = random.anyMagnitude();
  TokenBucket bucket;
  bucket.configure(rate, burst, nowMs);
  if (rate == 0) {
    check(bucket.available(nowMs) == UINT64_MAX && bucket.msUntil(1, nowMs) == 0, "no rate, no limit");
    return;
  }

  struct Take {
    uint64_t atMs, bytes;
  };
  std::vector<Take> takes;
  Wide milli = Wide{burst} * 1000;
  for (int step = 0; step < 60; ++step) {
    const uint64_t elapsedMs = std::min(random.oneIn(10) ? random.anyMagnitude() >> 11 : random.below(20), UINT64_MAX - nowMs);
    nowMs += elapsedMs;
    milli = std::min(Wide{burst} * 1000, milli + Wide{rate} * elapsedMs);
    check(bucket.available(nowMs) == static_cast<uint64_t>(milli / 1000), "available() is the exact amount, rounded down");

    const uint64_t wanted = random.below(burst) + 1;
    const uint64_t waitMs = bucket.msUntil(wanted, nowMs);
    const auto after = [&](uint64_t ms) { TokenBucket copy = bucket; return copy.available(nowMs + ms); };
    if (waitMs <= UINT64_MAX - nowMs) check(after(waitMs) >= wanted, "after msUntil the bytes may be taken");
    if (waitMs > 0) check(after(waitMs - 1) < wanted, "and not a millisecond before");
    if (random.oneIn(5)) check(bucket.available(nowMs - std::min<uint64_t>(nowMs, 3)) == milli / 1000, "a clock that goes back adds nothing");

    const uint64_t bytes = random.oneIn(2) ? bucket.available(nowMs) : random.below(bucket.available(nowMs) + 1);
    bucket.take(bytes);
    milli -= Wide{bytes} * 1000;
    takes.push_back({nowMs, bytes});
  }
  for (size_t from = 0; from < takes.size(); ++from) {
    Wide sum = 0;
    for (size_t to = from; to < takes.size(); ++to) {
      sum += takes[to].bytes;
      const Wide allowedMilli = Wide{burst} * 1000 + Wide{rate} * (takes[to].atMs - takes[from].atMs);
      check(sum * 1000 <= allowedMilli, "no window holds more than burst + rate * t");
    }
  }
}

}  // namespace

void testThrottle(uint64_t seed) {
  TokenBucket never;
  check(never.available(5) == UINT64_MAX && never.msUntil(UINT64_MAX, 5) == 0, "a bucket never configured limits nothing");

  // 7 bytes a second asked every millisecond: rounding each refill would give nothing at all.
  TokenBucket slow;
  slow.configure(7, 10, 0);
  uint64_t taken = 0;
  for (uint64_t nowMs = 0; nowMs <= 1'000'000; ++nowMs) {
    const uint64_t bytes = slow.available(nowMs);
    slow.take(bytes);
    taken += bytes;
  }
  check(taken == 10 + 7'000, "a thousand seconds at 7 bytes a second are 7000 bytes and the burst");

  TokenBucket huge;
  huge.configure(UINT64_MAX, UINT64_MAX, UINT64_MAX - 10);
  check(huge.available(UINT64_MAX) == UINT32_MAX, "the largest rate and burst do not overflow");
  huge.take(UINT32_MAX);
  check(huge.msUntil(UINT64_MAX, UINT64_MAX) == 1, "more than the burst is asked as the burst");

  Random random(seed);
  for (int round = 0; round < 500; ++round) throttleBesideModel(random);
}

void testLimit(uint64_t seed) {
  using Admission = LimitStage::Admission;
  {
    LimitStage limit(0, 0, 0);
    for (int i = 0; i < 1000; ++i) check(limit.admit(address(1, 1), 0) == Admission::admitted, "0 is no limit");
    check(limit.addresses() == 0, "and nothing is kept per address where nothing is limited per address");
  }
  {
    LimitStage limit(0, 2, 0);
    PeerAddress local;
    local.family = 1;
    check(limit.admit(address(1, 1), 0) == Admission::admitted && limit.admit(address(1, 2), 0) == Admission::admitted, "two ports of one address");
    check(limit.admit(address(1, 3), 0) == Admission::refused, "are all that address may have");
    check(limit.admit(address(2, 3), 0) == Admission::admitted, "another address is not concerned");
    limit.release(address(1, 2));
    check(limit.admit(address(1, 9), 0) == Admission::admitted, "a released place is free again");
    for (int i = 0; i < 5; ++i) check(limit.admit(local, 0) == Admission::admitted, "unix peers have no address to limit");
  }
  {
    LimitStage limit(3, 0, 2);
    const auto admit = [&](uint64_t nowMs) { return limit.admit(address(1, 1), nowMs) == Admission::admitted; };
    check(admit(5'000) && admit(5'000) && !admit(5'000) && !admit(5'499), "a second's sessions may begin at once, then none");
    check(admit(5'500), "until the rate gives one");
    check(!admit(9'000) && limit.sessions() == 3, "the total is refused first");
    limit.release(address(1, 1));
    limit.release(address(1, 1));
    check(admit(9'000) && admit(9'000), "and what it refused took no token");
  }
  {
    Random random(seed);
    LimitStage limit(500, 5, 0);
    std::map<uint32_t, uint64_t> counts;
    std::vector<uint32_t> open;
    for (int step = 0; step < 60'000; ++step) {
      const bool filling = step / 5'000 % 2 == 0;
      if (random.oneIn(3) != filling || open.empty()) {
        const auto n = static_cast<uint32_t>(random.below(200));
        const bool expected = open.size() < 500 && counts[n] < 5;
        check((limit.admit(address(n, static_cast<uint16_t>(step)), 0) == Admission::admitted) == expected, "admits what the model admits");
        if (expected) {
          ++counts[n];
          open.push_back(n);
        }
      } else {
        const size_t i = random.below(open.size());
        limit.release(address(open[i], static_cast<uint16_t>(step)));
        --counts[open[i]];
        open[i] = open.back();
        open.pop_back();
      }
      const auto busy = std::count_if(counts.begin(), counts.end(), [](const auto& entry) { return entry.second > 0; });
      check(limit.sessions() == open.size() && limit.addresses() == static_cast<size_t>(busy), "keeps an entry for each address in use and no other");
    }
    for (const uint32_t n : open) limit.release(address(n, 0));
    check(limit.sessions() == 0 && limit.addresses() == 0, "ends empty");
  }
}

void testTimeouts() {
  check(idleDeadlineMs(60'000, 5) == 60'005, "idle counts from the last progress");
  check(idleDeadlineMs(0, 5) == kNeverMs, "an idle timeout of 0 is never");
  check(idleDeadlineMs(UINT64_MAX, 5) == kNeverMs && maxDurationDeadlineMs(10, UINT64_MAX - 5) == kNeverMs, "a deadline past the end of time is never");
  check(halfCloseDeadlineMs(1'000, 70, 50) == 1'070, "half-close counts from the FIN");
  check(halfCloseDeadlineMs(1'000, 70, 90) == 1'090, "and from progress after it");
  check(halfCloseDeadlineMs(1'000, kNeverMs, 90) == kNeverMs, "and not while both directions are open");
  check(maxDurationDeadlineMs(10, 7) == 17 && maxDurationDeadlineMs(0, 7) == kNeverMs, "the duration counts from accept");
}

void testKeepAlive() {
  const auto number = [](int fd, int level, int name) {
    int value = -1;
    socklen_t length = sizeof value;
    getsockopt(fd, level, name, &value, &length);
    return value;
  };
  const int tcp = socket(AF_INET, SOCK_STREAM, 0);
  const int intervalBefore = number(tcp, IPPROTO_TCP, TCP_KEEPINTVL);
  check(applyKeepAlive(tcp, {.idleSeconds = 41, .probes = 7, .userTimeoutMs = 12'345}) == 0, "a TCP socket takes the options");
  check(number(tcp, SOL_SOCKET, SO_KEEPALIVE) == 1, "keepalive is on");
  check(number(tcp, IPPROTO_TCP, TCP_KEEPIDLE) == 41, "TCP_KEEPIDLE is in seconds");
  check(number(tcp, IPPROTO_TCP, TCP_KEEPINTVL) == intervalBefore, "a 0 leaves the system's default");
  check(number(tcp, IPPROTO_TCP, TCP_KEEPCNT) == 7, "TCP_KEEPCNT is the probes");
  check(number(tcp, IPPROTO_TCP, TCP_USER_TIMEOUT) == 12'345, "TCP_USER_TIMEOUT is in milliseconds");
  check(applyKeepAlive(tcp, {.idleSeconds = 32'768}) == -EINVAL, "what the kernel refuses is reported");
  check(applyKeepAlive(tcp, {.userTimeoutMs = UINT32_MAX}) == -EINVAL, "what does not fit an int too");
  close(tcp);
  const int unixStream = socket(AF_UNIX, SOCK_STREAM, 0);
  check(applyKeepAlive(unixStream, {.idleSeconds = 41}) == 0 && number(unixStream, SOL_SOCKET, SO_KEEPALIVE) == 0, "a unix socket is left alone");
  close(unixStream);
  check(applyKeepAlive(-1, {}) == -EBADF, "no socket is reported");
}
