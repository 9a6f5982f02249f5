// Coalescing beside senders of which one knows what pauses do to them.
#include "relay/datagram/coalescing.h"

#include <algorithm>

#include "check.h"

using millrace::Coalescing;
using millrace::Taken;

namespace {

constexpr uint64_t secondUs = 1'000'000;
constexpr size_t roomy = 4 << 20;

Taken taken(uint64_t messages, uint64_t datagrams) { return {uint32_t(messages), uint32_t(datagrams), size_t(datagrams) * 100}; }

struct Run {
  uint64_t datagrams = 0, us = 0, pausedUs = 0;
  double perUs() const { return double(datagrams) / double(us); }
  double paused() const { return double(pausedUs) / double(us); }
};

/// A loop whose turns take so long, with a pause in front where it says so; arrivals(us, paused) come in each, in trains of `train`, or after a pause of `trainAfterPause`.
struct Simulated {
  uint64_t turnUs = 25;
  Coalescing coalescing{roomy};
  uint64_t nowUs = secondUs;
  uint32_t pauseUs = 0;

  template <class Arrivals>
  Run turnsFor(uint64_t us, Arrivals&& arrivals, uint64_t train = 1, uint64_t trainAfterPause = 1) {
    Run run;
    while (run.us < us) {
      const uint64_t tookUs = turnUs + pauseUs;
      const uint64_t datagrams = arrivals(tookUs, pauseUs > 0);
      nowUs += tookUs;
      run.us += tookUs;
      run.pausedUs += pauseUs;
      run.datagrams += datagrams;
      pauseUs = coalescing.afterTurn(taken(datagrams / (pauseUs > 0 ? trainAfterPause : train), datagrams), true, nowUs);
    }
    return run;
  }
};

/// Sends whatever becomes of it, so many a millisecond.
auto regardless(uint64_t aMs) {
  return [aMs, at = uint64_t{0}](uint64_t us, bool) mutable {
    const uint64_t before = at * aMs / 1000;
    at += us;
    return at * aMs / 1000 - before;
  };
}

/// Has so many on their way, and sends the next when it has an answer: a turn without a pause brings `aTurn`, but for one in `oneIn`, and one after a pause all of them.
auto windowOf(uint64_t window, uint64_t aTurn, unsigned oneIn = 3000) {
  return [=, turns = 0u](uint64_t, bool paused) mutable { return paused || ++turns % oneIn == 0 ? window : aTurn; };
}

void whoSendsAnyway() {
  check(Simulated().turnsFor(10 * secondUs, regardless(400)).paused() > 0.6, "who sends whatever becomes of it is taken in larger turns, nearly always");
  auto few = regardless(80);
  auto fewAndBursts = [&few, turns = 0u](uint64_t us, bool paused) mutable { return few(us, paused) + (++turns % 100 == 0 ? Coalescing::fewest : 0); };
  check(Simulated().turnsFor(10 * secondUs, fewAndBursts).paused() < 0.05, "a few a turn, but for a burst now and then: hardly any");
  check(Simulated{10}.turnsFor(10 * secondUs, regardless(2'400), 3, 12).paused() > 0.6, "as many datagrams in fewer, longer trains are as many");
}

void whoWaitsForAnswers() {
  for (const auto& [window, aTurn] : {std::pair{64, 40}, {20, 20}, {16, 7}, {10, 5}, {8, 8}, {22, 8}}) {
    check(Simulated().turnsFor(10 * secondUs, windowOf(uint64_t(window), uint64_t(aTurn))).perUs() > 0.97 * aTurn / 25, "who is slowed down by pauses keeps his pace");
  }
  for (const auto& [window, aTurn] : {std::pair{64, 16}, {32, 10}, {23, 8}}) {
    check(Simulated().turnsFor(10 * secondUs, windowOf(uint64_t(window), uint64_t(aTurn))).paused() > 0.6, "who is not, or by a twentieth, has them");
  }
  for (const unsigned oneIn : {3'000u, 10'000u}) {
    check(Simulated{8}.turnsFor(10 * secondUs, windowOf(16, 3, oneIn)).perUs() > 0.97 * 3 / 8, "turns that are small until something holds up the loop stay so");
  }
  for (const auto& [burstUs, gapUs] : {std::pair{8'000, 12'000}, {12'000, 40'000}, {20'000, 15'000}}) {
    Simulated loop;
    Run all;
    for (int bursts = 0; bursts < 500; ++bursts, loop.nowUs += uint64_t(gapUs), loop.pauseUs = 0) {
      const Run burst = loop.turnsFor(uint64_t(burstUs), windowOf(20, 20));
      all.datagrams += burst.datagrams;
      all.us += burst.us;
    }
    check(all.perUs() > 0.95 * 20 / 25, "bursts that are shorter than a trial keep their pace too");
  }
}

void whoFollowsWhom() {
  Simulated loop;
  loop.turnsFor(10 * secondUs, windowOf(20, 20));
  loop.turnsFor(2 * secondUs, regardless(400));
  check(loop.turnsFor(secondUs, regardless(400)).paused() > 0.6, "an answer is good for a second: others come and are asked anew");
  loop.turnsFor(2 * secondUs, windowOf(20, 20));
  check(loop.turnsFor(secondUs, windowOf(20, 20)).perUs() > 0.95 * 20 / 25, "and those after them");

  // In an epoch without pauses nobody comes for a minute, so that those with pauses would look better.
  Simulated left;
  left.turnsFor(3'000, windowOf(20, 20));
  left.nowUs += 60 * secondUs;
  check(left.turnsFor(secondUs / 4, windowOf(20, 20)).perUs() > 0.9 * 20 / 25, "an epoch in which nobody came says nothing");

  Simulated stopped;
  stopped.turnsFor(3 * secondUs, regardless(400));
  stopped.coalescing.stop();
  stopped.pauseUs = 0;
  check(stopped.turnsFor(secondUs / 4, windowOf(20, 20)).perUs() > 0.9 * 20 / 25, "nor does what was found before it was stopped");
}

/// How many pauses it makes in four seconds of such turns.
uint64_t pausesOf(Coalescing coalescing, const Taken& turn, bool readAll) {
  uint64_t pauses = 0;
  for (uint64_t nowUs = secondUs; nowUs < 5 * secondUs; nowUs += 25) pauses += coalescing.afterTurn(turn, readAll, nowUs) > 0;
  return pauses;
}

void whereNoneMayBe() {
  check(pausesOf(Coalescing(roomy), taken(30, 30), true) > 100'000, "where all is read and there is room, there are pauses");
  check(pausesOf(Coalescing(roomy), taken(30, 30), false) == 0, "none while something is unread");
  check(pausesOf(Coalescing(100'000), taken(30, 30), true) == 0, "none in which a receive buffer might fill up");
  check(pausesOf(Coalescing(1 << 20), {10, 10, 10 * 60'000}, true) == 0, "with few large ones");
  check(pausesOf(Coalescing(1 << 20), taken(10, 10 * 64), true) == 0, "or with many small ones in long trains");
  check(pausesOf(Coalescing(0), taken(200, 200), true) == 0, "and none without a buffer");
}

}  // namespace

void testCoalescing() {
  whoSendsAnyway();
  whoWaitsForAnswers();
  whoFollowsWhom();
  whereNoneMayBe();
}
