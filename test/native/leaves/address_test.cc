// core/peer_address.h, core/address.h and core/cidr.h.
#include <arpa/inet.h>
#include <sys/un.h>

#include <algorithm>
#include <cstring>
#include <string>

#include "check.h"
#include "core/address.h"
#include "core/cidr.h"

using namespace millrace;

namespace {

PeerAddress v4(const char* text, uint16_t port) {
  sockaddr_in in{};
  in.sin_family = AF_INET;
  in.sin_port = htons(port);
  inet_pton(AF_INET, text, &in.sin_addr);
  return PeerAddress::from(reinterpret_cast<const sockaddr*>(&in), sizeof in);
}

PeerAddress v6(const char* text, uint16_t port) {
  sockaddr_in6 in{};
  in.sin6_family = AF_INET6;
  in.sin6_port = htons(port);
  inet_pton(AF_INET6, text, &in.sin6_addr);
  return PeerAddress::from(reinterpret_cast<const sockaddr*>(&in), sizeof in);
}

bool inNetwork(const Cidr& cidr, const PeerAddress& peer) {
  if (cidr.family != peer.family) return false;
  for (int bit = 0; bit < cidr.prefix; ++bit) {
    const int mask = 0x80 >> bit % 8;
    if ((cidr.ip[bit / 8] & mask) != (peer.ip[bit / 8] & mask)) return false;
  }
  return true;
}

CidrSet setOf(std::initializer_list<const char*> texts) {
  CidrSet set;
  for (const char* text : texts) {
    Cidr cidr;
    check(CidrSet::parse(text, cidr), text);
    set.add(cidr);
  }
  set.seal();
  return set;
}

/// What is left uninitialised shall not happen to be zero.
[[gnu::noinline]] void dirtyStack() {
  volatile uint8_t rubbish[2048];
  for (volatile uint8_t& byte : rubbish) byte = 0xa5;
}

[[gnu::noinline]] SocketAddress pathOf(const std::string& path) {
  SocketAddress address;
  check(SocketAddress::fromPath(path, address), path.c_str());
  return address;
}

[[gnu::noinline]] SocketAddress ipOf(std::string_view literal) {
  SocketAddress address;
  check(SocketAddress::parseIp(literal, 443, address), literal.data());
  return address;
}

}  // namespace

void testSocketAddress() {
  for (size_t bytes = 1; bytes < sizeof sockaddr_un{}.sun_path; ++bytes) {
    for (const char first : {'/', '@'}) {
      const std::string path = first + std::string(bytes - 1, 'x');
      dirtyStack();
      check(pathOf(path).host() == path, "a path ends where it was ended");
    }
  }
  SocketAddress none;
  check(!SocketAddress::fromPath("", none) && !SocketAddress::fromPath(std::string(sizeof sockaddr_un{}.sun_path, 'x'), none) && none.length() == 0, "no path, and one that is too long");

  for (const char* literal : {"fe80::1", "2001:db8::1", "192.0.2.7"}) {
    dirtyStack();
    const SocketAddress address = ipOf(literal);
    check(address.host() == literal && address.port() == 443, literal);
    sockaddr_in6 six;
    std::memcpy(&six, address.get(), address.length());
    check(address.family() != AF_INET6 || (six.sin6_scope_id == 0 && six.sin6_flowinfo == 0), "no scope but one that is named");
  }
  for (const std::string_view bad : {std::string_view("192.0.2.7\0x", 11), std::string_view("::1\0", 4), std::string_view("fe80::1%lo\0", 11), std::string_view("192.0.2.7%lo"), std::string_view("[::1]"), std::string_view("")}) {
    SocketAddress address = ipOf("192.0.2.7");
    check(!SocketAddress::parseIp(bad, 443, address) && address.length() == 0 && address.family() == AF_UNSPEC, "what is no address leaves the object empty");
  }
}

void testPeerAddress() {
  const PeerAddress plain = v4("192.0.2.7", 4242);
  check(plain.family == 4 && plain.portNumber() == 4242 && plain.ip[0] == 192 && plain.ip[3] == 7, "an IPv4 peer is read");
  check(v6("::ffff:192.0.2.7", 4242) == plain, "a mapped peer is the IPv4 peer");
  check(v6("2001:db8::1", 1).family == 6, "an IPv6 peer is read");
  check(!(v4("192.0.2.7", 1) == plain) && v4("192.0.2.7", 1).sameAddress(plain), "the port is part of the peer, not of the address");
  check(!v6("::c000:207", 1).sameAddress(v4("192.0.2.7", 1)), "::192.0.2.7 is not 192.0.2.7");

  sockaddr_un un{};
  un.sun_family = AF_UNIX;
  check(PeerAddress::from(reinterpret_cast<const sockaddr*>(&un), sizeof(sa_family_t)).family == 1, "an unnamed unix peer is unix");
  sockaddr_in in{};
  in.sin_family = AF_INET;
  check(PeerAddress::from(reinterpret_cast<const sockaddr*>(&in), sizeof in - 1).family == 0, "a short sockaddr is nobody");
  check(PeerAddress::from(nullptr, 0).family == 0, "no sockaddr is nobody");

  check(plain.hashWithoutPort(1) == v4("192.0.2.7", 1).hashWithoutPort(1), "the hash without port ignores it");
  check(plain.hashWithPort(1) != v4("192.0.2.7", 1).hashWithPort(1), "the hash with port does not");
  check(plain.hashWithoutPort(1) != plain.hashWithoutPort(2), "the seed changes the hash");
  for (int shift : {0, 48}) {
    std::vector<int> buckets(1 << 12);
    for (uint32_t i = 0; i < 1 << 12; ++i) {
      PeerAddress peer{.family = 4, .ip = {10, 0, static_cast<uint8_t>(i >> 8), static_cast<uint8_t>(i)}};
      ++buckets[peer.hashWithoutPort(99) >> shift & 0xfff];
    }
    check(*std::max_element(buckets.begin(), buckets.end()) <= 12, "neighbouring addresses spread like random ones");
  }
}

void testCidr(uint64_t seed) {
  Cidr cidr;
  for (const char* bad : {"", "/", "10.0.0.0/33", "10.0.0.0/", "10.0.0.0/-1", "10.0.0.0/+8", "10.0.0.0/08", "10.0.0.0/8 ", " 10.0.0.0/8",
                          "10.0.0/8", "010.0.0.0/8", "10.0.0.0/8/8", "10.0.0.256", "::/129", "::/1000", ":::/0", "fe80::1%lo", "a.example",
                          "1:2:3:4:5:6:7:8:9", "10.0.0.0/0x8", "1111:1111:1111:1111:1111:1111:1111:1111:1111:1111:1111"}) {
    check(!CidrSet::parse(bad, cidr), bad);
  }
  check(!CidrSet::parse(std::string_view("10.0.0.1\0", 9), cidr), "a NUL is not part of an address");
  check(CidrSet::parse("::ffff:10.0.0.0/104", cidr) && cidr.family == 4 && cidr.prefix == 8 && cidr.ip[0] == 10, "a mapped network is IPv4");
  check(CidrSet::parse("10.1.2.3", cidr) && cidr.prefix == 32, "an address alone is one address");

  const CidrSet set = setOf({"10.0.0.0/8", "10.4.0.0/16", "192.168.0.0/17", "192.168.128.1/17", "255.255.255.255", "2001:db8::/32", "::1"});
  for (const char* in : {"10.0.0.0", "10.255.255.255", "192.168.127.255", "192.168.255.255", "255.255.255.255"}) check(set.contains(v4(in, 1)), in);
  for (const char* out : {"9.255.255.255", "11.0.0.0", "192.167.255.255", "192.169.0.0", "255.255.255.254"}) check(!set.contains(v4(out, 1)), out);
  for (const char* in : {"2001:db8::", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff", "::1", "::ffff:10.2.3.4"}) check(set.contains(v6(in, 1)), in);
  for (const char* out : {"2001:db7:ffff::", "2001:db9::", "::", "::2", "::ffff:11.0.0.1"}) check(!set.contains(v6(out, 1)), out);
  PeerAddress unixPeer;
  unixPeer.family = 1;
  const CidrSet all = setOf({"0.0.0.0/0", "::/0"});
  check(!all.contains(unixPeer) && !all.contains(PeerAddress{}), "who has no IP address is in no network");
  check(all.contains(v4("0.0.0.0", 0)) && all.contains(v4("255.255.255.255", 0)), "0.0.0.0/0 is all of IPv4");
  check(all.contains(v6("::", 0)) && all.contains(v6("ffff::ffff", 0)), "::/0 is all of IPv6");
  check(!setOf({"::/0"}).contains(v4("1.2.3.4", 1)), "::/0 holds no IPv4 peer");
  check(!CidrSet{}.contains(v4("1.2.3.4", 1)), "an empty set holds nobody");

  Random random(seed);
  for (int round = 0; round < 300; ++round) {
    CidrSet some;
    std::vector<Cidr> list;
    for (uint64_t n = random.below(20); n > 0; --n) {
      Cidr one{.family = static_cast<uint8_t>(random.oneIn(2) ? 4 : 6)};
      one.prefix = static_cast<uint8_t>(random.below(one.family == 4 ? 33 : 129));
      for (int i = 0; i < (one.family == 4 ? 4 : 16); ++i) one.ip[i] = static_cast<uint8_t>(random.oneIn(3) ? random.bits() : 0xff * random.below(2));
      list.push_back(one);
      some.add(one);
    }
    some.seal();
    for (int i = 0; i < 200; ++i) {
      PeerAddress peer;
      peer.family = random.oneIn(2) ? 4 : 6;
      if (!list.empty()) std::memcpy(peer.ip, list[random.below(list.size())].ip, peer.family == 4 ? 4 : 16);
      peer.ip[random.below(peer.family == 4 ? 4 : 16)] ^= static_cast<uint8_t>(1 << random.below(8));
      const bool expected = std::any_of(list.begin(), list.end(), [&](const Cidr& one) { return inNetwork(one, peer); });
      check(some.contains(peer) == expected, "a set agrees with asking every network");
    }
  }
}
