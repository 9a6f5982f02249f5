// Longer than 250 lines: one promise of a set after another.
// How a set of upstreams chooses, alone: shares by weight, what maglev and rendezvous hashing move, ejection, slow start, tiers and room.
#include <arpa/inet.h>

#include <algorithm>
#include <map>

#include "check.h"
#include "relay/upstream_set.h"
#include "stage/text_hash.h"

using namespace millrace;

namespace {

constexpr uint64_t kStart = 1'000'000;

PeerAddress client(uint32_t number) {
  PeerAddress peer{.family = 4};
  for (int i = 0; i < 4; ++i) peer.ip[i] = uint8_t(number >> (24 - 8 * i));
  return peer;
}

MemberIs member(uint32_t number, uint32_t weight = 1, uint32_t tier = 0, uint32_t maxSessions = 0) {
  MemberIs is{.id = number, .key = "10.0.0." + std::to_string(number) + ":80", .weight = weight, .tier = tier, .maxSessions = maxSessions};
  SocketAddress::parseIp("10.0.0." + std::to_string(number), 80, is.address);
  return is;
}

std::vector<MemberIs> members(uint32_t count) {
  std::vector<MemberIs> all;
  for (uint32_t i = 1; i <= count; ++i) all.push_back(member(i));
  return all;
}

// The id of the member that a source is let in to, or 0; it stays there only if asked to.
uint32_t pick(UpstreamSet& set, uint32_t source, uint64_t nowMs = kStart, bool stay = false) {
  const auto choice = set.take(client(source), nowMs);
  if (choice.answer != UpstreamSet::Answer::taken) return 0;
  const uint32_t id = set.member(choice.slot).id;
  if (!stay) set.leave(choice.slot);
  return id;
}

std::map<uint32_t, uint32_t> picks(UpstreamSet& set, uint32_t count, uint64_t nowMs = kStart, bool stay = false) {
  std::map<uint32_t, uint32_t> found;
  for (uint32_t i = 0; i < count; ++i) ++found[pick(set, i, nowMs, stay)];
  return found;
}

bool isNear(double value, double wanted, double share) { return std::abs(value - wanted) <= wanted * share; }

const std::array balances = {Balance::roundRobin, Balance::leastSessions, Balance::random2, Balance::sourceHash, Balance::maglev};

void sharesFollowWeights() {
  for (const Balance balance : balances) {
    UpstreamSet set(SetOptions{.balance = balance});
    set.assign({member(1, 1), member(2, 2), member(3, 5)});
    // Sessions stay, so that those who look at them see them.
    auto found = picks(set, 80'000, kStart, true);
    const double slack = balance == Balance::roundRobin || balance == Balance::leastSessions ? 0.0001 : 0.05;
    check(isNear(found[1], 10'000, slack) && isNear(found[2], 20'000, slack) && isNear(found[3], 50'000, slack), "each has the share of its weight");
  }
  UpstreamSet turns(SetOptions{});
  turns.assign({member(1, 1), member(2, 1), member(3, 2)});
  std::string order;
  for (int i = 0; i < 8; ++i) order += std::to_string(pick(turns, 0));
  check(order == "31233123", "the turns of a heavy one are spread");
}

// The sources that moved although the member that they had is in both sets, and those that had the one that left.
void leavingMoves(Balance balance, uint32_t leaves, uint32_t& moved, uint32_t& had) {
  constexpr uint32_t sources = 20'000;
  UpstreamSet set(SetOptions{.balance = balance});
  auto all = members(10);
  set.assign(all);
  std::vector<uint32_t> before;
  for (uint32_t i = 0; i < sources; ++i) before.push_back(pick(set, i));
  all.erase(all.begin() + leaves - 1);
  set.assign(all);
  moved = had = 0;
  for (uint32_t i = 0; i < sources; ++i) {
    const uint32_t now = pick(set, i);
    check(now != leaves && now != 0, "nobody goes to a member that has left");
    if (before[i] == leaves) ++had;
    else moved += now != before[i];
  }
  check(isNear(had, sources / 10.0, 0.1), "a tenth of the sources had one of ten");
  all.push_back(member(leaves));
  set.assign(all);
  for (uint32_t i = 0; i < sources; ++i) check(pick(set, i) == before[i], "when it is back all are where they were");
}

void leavingMovesFewOthers() {
  for (uint32_t leaves = 1; leaves <= 10; ++leaves) {
    uint32_t moved, had;
    leavingMoves(Balance::sourceHash, leaves, moved, had);
    check(moved == 0, "rendezvous hashing moves none of the others");
    leavingMoves(Balance::maglev, leaves, moved, had);
    check(moved <= 200, "maglev moves the share of who left, a tenth, and at most 1 % of all beside");
  }
}

void allAgree(Random& random) {
  for (const Balance balance : {Balance::sourceHash, Balance::maglev}) {
    auto all = members(20);
    for (MemberIs& one : all) one.weight = 1 + one.id % 3;
    UpstreamSet first(SetOptions{.balance = balance});
    first.assign(all);
    UpstreamSet other(SetOptions{.balance = balance});
    other.assign({member(99), member(98)});
    std::shuffle(all.begin(), all.end(), random.engine);
    for (MemberIs& one : all) one.id += 1000;
    other.assign(all);
    for (uint32_t i = 0; i < 5'000; ++i) check(pick(first, i) + 1000 == pick(other, i), "the order, the ids and what was there before make no difference");
  }
  // As it was when this was written: another version, or another machine, has to have the same.
  UpstreamSet known(SetOptions{.balance = Balance::maglev});
  known.assign(members(3));
  std::string found;
  for (uint32_t i = 0; i < 12; ++i) found += std::to_string(pick(known, 0x0a000001 + i));
  check(found == "123213332323", "the same sources go to the same members as ever");
}

void theTableIsShared() {
  Maglev table;
  check(table.at(5) == Maglev::none, "a table without members says so");
  std::vector<Maglev::Member> some;
  for (uint32_t i = 0; i < 100; ++i) some.push_back({hashText(std::to_string(i), 0), i % 2 ? 3u : 1u, i});
  some.push_back({hashText("none", 0), 0, 100});
  table.build(some);
  std::map<uint32_t, uint32_t> places;
  for (uint32_t i = 0; i < Maglev::places; ++i) ++places[table.at(i)];
  check(places.size() == 100 && !places.contains(100) && !places.contains(Maglev::none), "every place is somebody's, and nobody's who has no weight");
  for (const auto& [index, count] : places) check(isNear(count, Maglev::places / 200.0 * (index % 2 ? 3 : 1), 0.01), "within 1 % of its share");
  table.build({});
  check(table.at(5) == Maglev::none, "and without members again");
}

void downIsAvoided() {
  for (const Balance balance : balances) {
    UpstreamSet set(SetOptions{.balance = balance});
    check(set.unknown() && pick(set, 1) == 0, "a set that knows no members has none");
    set.assign({member(1), member(2), member(3, 1, 1), member(4, 1, 2)});
    const auto down = [&](uint32_t id, bool is) { return set.setDown(set.find(id), is, kStart); };
    check(down(1, true) && !down(1, true), "what is known already is nothing new");
    check(picks(set, 200).size() == 1 && picks(set, 200).contains(2), "who is down has none, and the next tier is not asked");
    down(2, true);
    check(picks(set, 200).contains(3) && picks(set, 200).size() == 1, "a tier that is down gives way to the next one");
    down(3, true);
    check(picks(set, 200).contains(4), "and that to the last");
    down(4, true);
    check(pick(set, 1) == 0 && set.usable() == 0, "all down: none");
    down(1, false);
    check(picks(set, 200).contains(1) && picks(set, 200).size() == 1, "who is up again is the first tier");
    check(set.find(7) == Candidate::none, "nobody has that id");
  }
}

void whoWasTriedIsNotChosenAgain() {
  for (const Balance balance : balances) {
    UpstreamSet set(SetOptions{.balance = balance});
    set.assign({member(1), member(2), member(3), member(4, 1, 1)});
    for (uint32_t source = 0; source < 200; ++source) {
      std::vector<uint32_t> tried;
      std::string ids;
      for (auto choice = set.take(client(source), kStart, tried); choice.answer == UpstreamSet::Answer::taken; choice = set.take(client(source), kStart, tried)) {
        ids += std::to_string(set.member(choice.slot).id);
        tried.push_back(choice.slot);
        set.leave(choice.slot);
      }
      check(ids.size() == 4 && ids.back() == '4', "each once, and the next tier when all of the first have been tried");
    }
  }
}

void roomIsKept() {
  for (const Balance balance : balances) {
    UpstreamSet set(SetOptions{.balance = balance});
    set.assign({member(1, 1, 0, 3), member(2, 65'535, 0, 5), member(3, 1, 1)});
    auto found = picks(set, 8, kStart, true);
    check(found[1] == 3 && found[2] == 5, "who is full is passed over");
    const auto full = set.take(client(1), kStart);
    check(full.answer == UpstreamSet::Answer::full, "all full is no reason for the next tier");
    set.leave(set.find(2));
    check(set.lookDue && pick(set, 77, kStart, true) == 2, "one that left makes room for one");
  }
}

void failuresEject() {
  UpstreamSet set(SetOptions{.ejectAfter = 3, .ejectMs = 1000, .ejectMostMs = 3000});
  set.assign(members(4));
  const uint32_t slot = set.find(2);
  const auto fail = [&](uint32_t id, int times, uint64_t nowMs) {
    bool ejected = false;
    for (int i = 0; i < times; ++i) ejected = set.failed(set.find(id), nowMs);
    return ejected;
  };
  check(!fail(2, 2, kStart), "two are not three");
  set.succeeded(slot);
  check(!fail(2, 2, kStart), "in a row");
  check(fail(2, 1, kStart) && !set.member(slot).usable() && set.nextReturnMs() == kStart + 1000, "the third ejects");
  check(!picks(set, 400).contains(2), "and no session goes there");
  check(set.readmit(kStart + 999).empty() && set.readmit(kStart + 1000).size() == 1 && set.member(slot).usable(), "for its time");
  check(fail(2, 1, kStart + 1000) && set.nextReturnMs() == kStart + 3000, "the next failure ejects at once, for twice as long");
  set.readmit(kStart + 3000);
  check(fail(2, 1, kStart + 3000) && set.nextReturnMs() == kStart + 6000, "up to the longest");
  check(fail(1, 3, kStart) && !fail(3, 9, kStart) && !fail(4, 9, kStart), "never more than half");
  set.readmit(kStart + 9000);
  set.succeeded(slot);
  check(!fail(2, 2, kStart + 9000) && fail(2, 1, kStart + 9000) && set.nextReturnMs() == kStart + 10'000, "a session that was connected begins anew");
  UpstreamSet away(SetOptions{.ejectAfter = 1, .ejectMs = 1000, .ejectMostMs = 1000});
  away.assign(members(2));
  check(away.take({}, kStart, {away.find(2)}).slot == away.find(1) && away.failed(away.find(1), kStart), "one is ejected that has a session");
  std::vector<MemberIs> without = members(2);
  without.erase(without.begin());
  away.assign(without);
  check(away.nextReturnMs() == kStart + 1000 && away.readmit(kStart + 1000).empty(), "its time ends while it is away");
  away.assign(members(2));
  check(away.usable() == 2, "and so it comes back as one that can be used");
  set.setDown(set.find(1), true, kStart + 9000);
  set.setDown(set.find(3), true, kStart + 9000);
  check(!fail(4, 9, kStart + 9000), "nor the last that can be used");
  set.setDown(slot, false, kStart + 9000);
  check(!set.member(slot).usable(), "a check that says nothing new changes nothing");
  set.setDown(slot, true, kStart + 9000);
  set.setDown(slot, false, kStart + 9000);
  check(set.member(slot).usable(), "one that has passed again ends an ejection");

  UpstreamSet shrinks(SetOptions{.ejectAfter = 1, .ejectMs = 1000, .ejectMostMs = 1000});
  shrinks.assign(members(4));
  check(shrinks.failed(shrinks.find(1), kStart) && shrinks.failed(shrinks.find(2), kStart) && shrinks.readmit(kStart).empty(), "two of four are ejected");
  shrinks.assign(members(3));
  check(shrinks.readmit(kStart).size() == 2 && shrinks.usable() == 3, "two of three would be too many");
  check(shrinks.failed(shrinks.find(1), kStart), "one is not");
  shrinks.setDown(shrinks.find(2), true, kStart);
  check(shrinks.readmit(kStart).empty() && shrinks.usable() == 1, "nor is it while another can be used");
  shrinks.setDown(shrinks.find(3), true, kStart);
  check(shrinks.readmit(kStart).size() == 1 && shrinks.usable() == 1, "the last that is not down is not ejected");

  UpstreamSet never(SetOptions{});
  never.assign(members(4));
  for (int i = 0; i < 100; ++i) check(!never.failed(0, kStart), "where nobody is to be ejected nobody is");
  UpstreamSet alone(SetOptions{.ejectAfter = 1, .ejectMs = 1000, .ejectMostMs = 1000});
  alone.assign(members(1));
  check(!alone.failed(0, kStart), "nor one that is alone");
}

void slowStartGrows() {
  UpstreamSet set(SetOptions{.slowStartMs = 10'000});
  set.assign(members(2));
  check(isNear(picks(set, 1000)[1], 500, 0.01), "who was never away starts whole");
  set.setDown(set.find(1), true, kStart);
  set.setDown(set.find(1), false, kStart);
  check(picks(set, 1000, kStart)[1] <= 5, "who is back begins with next to nothing");
  check(isNear(picks(set, 10'000, kStart + 2'500)[1], 2'000, 0.05), "after a quarter of the time it weighs a quarter: one of five");
  check(isNear(picks(set, 10'000, kStart + 5'000)[1], 3'333, 0.05), "after half of it a half: one of three");
  check(isNear(picks(set, 1000, kStart + 10'000)[1], 500, 0.05), "and then all");
}

void changesKeepWhatStays(Random& random) {
  UpstreamSet set(SetOptions{.balance = Balance::leastSessions, .ejectAfter = 1, .ejectMs = 1000, .ejectMostMs = 1000});
  std::map<uint32_t, uint32_t> slots;  // of sessions, by their number
  std::map<uint32_t, std::string> keys;
  std::map<std::string, uint32_t> open;
  uint32_t next = 0;
  for (int change = 0; change < 300; ++change) {
    std::vector<MemberIs> some;
    for (uint32_t i = 1; i <= 12; ++i) {
      if (random.oneIn(2)) some.push_back(member(i));
    }
    if (some.empty()) continue;
    std::shuffle(some.begin(), some.end(), random.engine);
    set.assign(some);
    for (int i = 0; i < 20; ++i) {
      const auto choice = set.take(client(next), kStart);
      check(choice.answer == UpstreamSet::Answer::taken, "there is always one");
      slots[next] = choice.slot;
      keys[next] = set.member(choice.slot).key;
      ++open[keys[next++]];
    }
    while (slots.size() > 60) {
      const auto it = std::next(slots.begin(), long(random.below(slots.size())));
      check(set.member(it->second).key == keys[it->first], "a session's member is the one that it had, in the set or not");
      check(set.openSessions(it->second) == open[keys[it->first]], "and it is counted there");
      set.leave(it->second);
      --open[keys[it->first]];
      slots.erase(it);
    }
  }
  for (const auto& [number, slot] : slots) set.leave(slot);
  set.assign(members(1));
  check(set.slots() <= 12, "slots are used again");
  for (uint32_t slot = 0; slot < set.slots(); ++slot) check(set.openSessions(slot) == 0, "nothing is left");

  UpstreamSet kept(SetOptions{});
  kept.assign(members(3));
  kept.setDown(kept.find(2), true, kStart);
  auto with = members(3);
  with[1].down = true;
  with[1].id = 77;
  kept.assign(with);
  check(kept.find(77) == 1 && kept.member(1).down && kept.find(2) == Candidate::none, "the key is who it is, the id only a name");
  check(kept.peerOf(0) == kept.member(0).address.peer(), "an address is shown as it is");
  MemberIs path{.id = 0x1234, .key = "unix:/run/x"};
  SocketAddress::fromPath("/run/x", path.address);
  kept.assign({path});
  check(kept.peerOf(kept.find(0x1234)).portNumber() == 0x1234, "a path by its id");
}

}  // namespace

void testUpstreamSet(uint64_t seed) {
  Random random(seed);
  sharesFollowWeights();
  leavingMovesFewOthers();
  allAgree(random);
  theTableIsShared();
  downIsAvoided();
  whoWasTriedIsNotChosenAgain();
  roomIsKept();
  failuresEject();
  slowStartGrows();
  changesKeepWhatStays(random);
}
