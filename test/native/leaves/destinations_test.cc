// stage/destination_rules.h: which address decides, by the longest prefix, and what IPv6 may carry; held against a naive model.
#include "stage/destination_rules.h"

#include <algorithm>
#include <string>

#include "check.h"
#include "stage/destination.h"

using namespace millrace;
using Answer = DestinationRules::Answer;

namespace {

std::vector<Cidr> networks(std::initializer_list<const char*> texts) {
  std::vector<Cidr> list;
  for (const char* text : texts) {
    list.emplace_back();
    check(CidrSet::parse(text, list.back()), text);
  }
  return list;
}

const std::vector<Cidr>& guarded() {
  static const auto list = networks({"0.0.0.0/8", "10.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "192.168.0.0/16", "::/128", "::1/128", "::/96", "fc00::/7", "fe80::/10", "2001::/32"});
  return list;
}

PeerAddress at(const char* host, uint16_t port = 80) {
  const auto destination = Destination::of(host, port);
  check(destination && !destination->isName(), host);
  return destination ? destination->address() : PeerAddress{};
}

void expect(const DestinationRules& rules, Answer answer, std::initializer_list<const char*> hosts) {
  for (const char* host : hosts) check(rules.about(at(host)) == answer, host);
}

void testDefaults() {
  const DestinationRules rules({.guard = guarded(), .closedPorts = {25}});
  expect(rules, Answer::admitted, {"192.0.2.1", "9.255.255.255", "11.0.0.0", "126.255.255.255", "128.0.0.0", "2001:db8::1", "2002:c000:201::1", "64:ff9b::c000:201", "::ffff:192.0.2.1", "2001:1::1"});
  expect(rules, Answer::denied, {"0.0.0.0", "10.0.0.0", "10.255.255.255", "127.0.0.1", "169.254.169.254", "::", "::1", "fd00:ec2::254", "fe80::1", "2001::1"});
  // IPv4 in other clothes.
  expect(rules, Answer::denied, {"::ffff:127.0.0.1", "::ffff:10.0.0.1", "::127.0.0.1", "::10.0.0.1", "64:ff9b::7f00:1", "64:ff9b::10.0.0.1", "2002:7f00:1::", "2002:a00:1::1", "2002:a9fe:a9fe::1", "::ffff:0:127.0.0.1",
                                 "2600:1::5efe:127.0.0.1", "2600:1::200:5efe:a00:1"});
  expect(rules, Answer::admitted, {"2600:1::5efe:192.0.2.1"});
  check(rules.about(at("192.0.2.1", 25)) == Answer::denied && rules.about(at("192.0.2.1", 26)) == Answer::admitted, "a closed port");
  check(rules.about(PeerAddress{}) == Answer::denied && rules.about(PeerAddress{.family = 1}) == Answer::denied, "what is no IP address");
}

void testLists() {
  const DestinationRules ones({.allow = networks({"10.1.0.0/16", "2001:db8::/32"}), .deny = networks({"10.1.2.0/24"}), .guard = guarded()});
  expect(ones, Answer::allowed, {"10.1.0.1", "10.1.255.255", "2001:db8::1"});
  expect(ones, Answer::denied, {"10.1.2.3", "10.2.0.1", "192.0.2.1", "127.0.0.1", "2001:db9::1", "::ffff:10.1.2.3", "2002:a01:203::1"});
  const DestinationRules all({.allow = networks({"0.0.0.0/0", "::/0", "10.0.0.0/8"}), .guard = guarded()});
  expect(all, Answer::allowed, {"10.0.0.1"});
  expect(all, Answer::admitted, {"192.0.2.1", "2001:db8::1", "64:ff9b::a00:1"});
  expect(all, Answer::denied, {"127.0.0.1", "192.168.0.1", "::1", "fe80::1", "2002:7f00:1::1"});
  const DestinationRules same({.allow = networks({"127.0.0.0/8"}), .guard = guarded()});
  expect(same, Answer::allowed, {"127.0.0.1", "::ffff:127.9.9.9"});
  const DestinationRules six({.allow = networks({"::1/128"}), .guard = guarded()});
  expect(six, Answer::allowed, {"::1"});
  expect(six, Answer::denied, {"::", "::2", "127.0.0.1", "::127.0.0.1"});
  const DestinationRules wider({.allow = networks({"0.0.0.0/0", "64.0.0.0/2"}), .guard = guarded()});
  expect(wider, Answer::denied, {"127.0.0.1"});
  const DestinationRules tunnel({.allow = networks({"64:ff9b::/96"}), .guard = guarded()});
  expect(tunnel, Answer::allowed, {"64:ff9b::c000:201"});
  expect(tunnel, Answer::denied, {"64:ff9b::7f00:1", "192.0.2.1"});
  const DestinationRules ports({.guard = guarded(), .ports = {{443, 443}, {8000, 8999}}, .closedPorts = {443}});
  for (const uint16_t open : {443, 8000, 8999}) check(ports.admitsPort(open), "an open port");
  for (const uint16_t closed : {1, 442, 444, 7999, 9000, 65535}) check(!ports.admitsPort(closed), "another port");
}

bool inside(const Cidr& network, const PeerAddress& peer) {
  if (network.family != peer.family) return false;
  for (unsigned bit = 0; bit < network.prefix; ++bit) {
    if ((network.ip[bit / 8] ^ peer.ip[bit / 8]) >> (7 - bit % 8) & 1) return false;
  }
  return true;
}

// For addresses that carry no other.
Answer naive(const RuleLists& lists, const PeerAddress& peer) {
  const auto longest = [&](const std::vector<Cidr>& networks) {
    int found = -1;
    for (const Cidr& network : networks) found = inside(network, peer) ? std::max<int>(found, network.prefix) : found;
    return found;
  };
  if (longest(lists.deny) >= 0 || longest(lists.guard) > longest(lists.allow)) return Answer::denied;
  if (longest(lists.allow) > 0) return Answer::allowed;
  if (longest(lists.allow) == 0) return Answer::admitted;
  return lists.allow.empty() ? Answer::admitted : Answer::denied;
}

void fuzz(Random& random, size_t rounds) {
  const auto someNetworks = [&] {
    std::vector<Cidr> list;
    for (size_t count = random.below(4); count > 0; --count) {
      Cidr cidr;
      cidr.family = random.oneIn(2) ? 4 : 6;
      cidr.prefix = uint8_t(random.below(cidr.family == 4 ? 33 : 129));
      for (unsigned bit = 0; bit < cidr.prefix; ++bit) cidr.ip[bit / 8] = uint8_t(cidr.ip[bit / 8] | (random.oneIn(4) ? 0x80 >> bit % 8 : 0));
      list.push_back(cidr);
    }
    return list;
  };
  for (size_t round = 0; round < rounds; ++round) {
    const RuleLists lists{.allow = someNetworks(), .deny = random.oneIn(3) ? someNetworks() : std::vector<Cidr>(), .guard = someNetworks()};
    const DestinationRules rules(lists);
    for (int i = 0; i < 20; ++i) {
      PeerAddress peer{.family = uint8_t(random.oneIn(2) ? 4 : 6), .port = {0, 80}};
      for (unsigned byte = 0; byte < (peer.family == 4 ? 4u : 16u); ++byte) peer.ip[byte] = uint8_t(random.bits() & random.bits());
      peer.ip[8] = peer.family == 6 ? 0xff : 0;  // no ISATAP
      if (peer.family == 6) peer.ip[0] = uint8_t(peer.ip[0] | 0x40);  // nor any other
      check(rules.about(peer) == naive(lists, peer), "the longest prefix decides");
    }
  }
}

}  // namespace

void testDestinations(uint64_t seed) {
  testDefaults();
  testLists();
  Random random(seed);
  fuzz(random, 20'000);
}
