// stage/proxy_protocol.h: what is a header and what is not, at every split, what is written, and mutations of all of it.
#include "stage/proxy_protocol.h"

#include <algorithm>
#include <cstring>

#include "check.h"
#include "hello_bytes.h"

using namespace millrace;
using State = ProxyHeader::State;

namespace {

Bytes of(std::string_view text) { return Bytes(text.begin(), text.end()); }
Bytes plus(Bytes a, const Bytes& b) {
  put(a, b);
  return a;
}

ProxyHeader read(std::span<const uint8_t> head) { return exactly(head, [](std::span<const uint8_t> bytes) { return readProxyHeader(bytes); }); }

bool same(const ProxyHeader& a, const ProxyHeader& b) { return a.state == b.state && a.bytes == b.bytes && a.source == b.source && a.destination == b.destination; }

// `more` until one answer, which stays whatever follows.
ProxyHeader atEverySplit(const Bytes& head) {
  ProxyHeader answer{State::more};
  for (size_t length = 0; length <= head.size(); ++length) {
    const ProxyHeader now = read(std::span(head).first(length));
    check(answer.state == State::more || same(now, answer), "an answer does not change when bytes are added");
    check(now.bytes <= length, "a header is no longer than what is there");
    answer = now;
  }
  return answer;
}

std::vector<Bytes> corpus;

void expect(const char* what, const Bytes& head, State state) {
  check(atEverySplit(head).state == state, what);
  check(state == State::more || read(plus(head, of("GET / HTTP/1.1\r\n"))).state == state, "whatever follows");
  corpus.push_back(head);
}

PeerAddress peer(std::initializer_list<uint8_t> ip, uint16_t port) {
  PeerAddress it{.family = uint8_t(ip.size() == 4 ? 4 : 6), .port = {uint8_t(port >> 8), uint8_t(port)}};
  std::copy(ip.begin(), ip.end(), it.ip);
  return it;
}

const PeerAddress a4 = peer({192, 0, 2, 1}, 56324), b4 = peer({198, 51, 100, 9}, 443);
const PeerAddress a6 = peer({0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}, 1), b6 = peer({0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2}, 65535);

void testVersion1() {
  const auto line = [](const std::string& text) { return of(text + "\r\n"); };
  for (const auto& [text, source, destination] : {std::tuple("PROXY TCP4 192.0.2.1 198.51.100.9 56324 443", a4, b4), std::tuple("PROXY TCP6 2001:db8::1 2001:DB8:0::2 1 65535", a6, b6),
                                                  std::tuple("PROXY TCP6 ::ffff:192.0.2.1 ::ffff:198.51.100.9 56324 443", a4, b4)}) {
    const ProxyHeader header = atEverySplit(line(text));
    check(header.state == State::proxied && header.bytes == std::strlen(text) + 2 && header.source == source && header.destination == destination, text);
    corpus.push_back(line(text));
  }
  check(atEverySplit(line("PROXY TCP4 0.0.0.0 255.255.255.255 0 0")).state == State::proxied, "the bounds of addresses and ports");
  expect("UNKNOWN", line("PROXY UNKNOWN"), State::local);
  expect("UNKNOWN with anything", line("PROXY UNKNOWN ffff:f...f:ffff ffff:f...f:ffff 65535 65535"), State::local);
  for (const char* bad : {"PROXY", "PROXY ", "PROXY  TCP4 192.0.2.1 198.51.100.9 1 2", "PROXY TCP4  192.0.2.1 198.51.100.9 1 2", "PROXY TCP4 192.0.2.1 198.51.100.9 1 2 ", "PROXY TCP4 192.0.2.1 198.51.100.9 1",
                          "PROXY TCP4 192.0.2.1 198.51.100.9 1 2 3", "PROXY TCP4 192.0.2.01 198.51.100.9 1 2", "PROXY TCP4 192.0.2 198.51.100.9 1 2", "PROXY TCP4 192.0.2.256 198.51.100.9 1 2",
                          "PROXY TCP4 192.0.2.1 198.51.100.9 01 2", "PROXY TCP4 192.0.2.1 198.51.100.9 1 65536", "PROXY TCP4 192.0.2.1 198.51.100.9 -1 2", "PROXY TCP4 192.0.2.1 198.51.100.9 +1 2",
                          "PROXY TCP4 192.0.2.1 198.51.100.9  2", "PROXY TCP4 ::1 ::1 1 2", "PROXY TCP6 192.0.2.1 198.51.100.9 1 2", "PROXY TCP6 ::1%lo ::1 1 2", "PROXY TCP6 [::1] ::1 1 2",
                          "PROXY tcp4 192.0.2.1 198.51.100.9 1 2", "PROXY UDP4 192.0.2.1 198.51.100.9 1 2", "PROXY UNKNOWNX", "PROXY\tTCP4 192.0.2.1 198.51.100.9 1 2", "PROXY TCP4\t192.0.2.1 198.51.100.9 1 2",
                          "PROXY TCP4 0x7f000001 198.51.100.9 1 2", "PROXY TCP4 host 198.51.100.9 1 2"}) {
    const ProxyHeader header = atEverySplit(line(bad));
    check(header.state == State::invalid || header.state == State::none, bad);
    corpus.push_back(line(bad));
  }
  expect("a lone LF", of("PROXY UNKNOWN\n"), State::invalid);
  expect("a lone CR", of("PROXY UNKNOWN\rX"), State::invalid);
  expect("a NUL in an address", of(std::string("PROXY TCP4 192.0.2.1") + '\0' + " 198.51.100.9 1 2\r\n"), State::invalid);
  expect("107 bytes", line("PROXY UNKNOWN " + std::string(107 - 16, 'x')), State::local);
  expect("108 bytes", line("PROXY UNKNOWN " + std::string(108 - 16, 'x')), State::invalid);
  expect("107 bytes without an end", of("PROXY UNKNOWN " + std::string(93, 'x')), State::invalid);
  expect("106 bytes without an end", of("PROXY UNKNOWN " + std::string(92, 'x')), State::more);
  expect("another word", of("PROXIED"), State::none);
  expect("a request", of("GET / HTTP/1.1\r\n"), State::none);
  expect("TLS", of("\x16\x03\x01"), State::none);
}

Bytes version2(uint8_t command, uint8_t family, const Bytes& block) {
  Bytes head = of(std::string_view("\r\n\r\n\0\r\nQUIT\n", 12));
  head.push_back(command);
  head.push_back(family);
  put(head, sized(block, 2));
  return head;
}

Bytes addresses4() { return {192, 0, 2, 1, 198, 51, 100, 9, 56324 >> 8, 56324 & 255, 443 >> 8, 443 & 255}; }

Bytes tlv(uint8_t type, const Bytes& value) { return plus({type}, sized(value, 2)); }

uint32_t crc32c(const Bytes& bytes) {
  uint32_t crc = ~0u;
  for (const uint8_t byte : bytes) {
    crc ^= byte;
    for (int bit = 0; bit < 8; ++bit) crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78u : 0u);
  }
  return ~crc;
}

Bytes withCrc(Bytes block, bool right) {
  const Bytes empty = version2(0x21, 0x11, plus(block, tlv(3, Bytes(4))));
  Bytes value;
  put(value, crc32c(empty) + (right ? 0 : 1), 4);
  return version2(0x21, 0x11, plus(std::move(block), tlv(3, value)));
}

void testVersion2() {
  check(crc32c(of("123456789")) == 0xe3069283u, "CRC32c of the check vector");
  const ProxyHeader four = atEverySplit(version2(0x21, 0x11, addresses4()));
  check(four.state == State::proxied && four.bytes == 28 && four.source == a4 && four.destination == b4, "TCP over IPv4");
  Bytes six(a6.ip, a6.ip + 16);
  six.insert(six.end(), b6.ip, b6.ip + 16);
  put(six, {0, 1, 255, 255});
  const ProxyHeader header6 = atEverySplit(version2(0x21, 0x21, six));
  check(header6.state == State::proxied && header6.bytes == 52 && header6.source == a6 && header6.destination == b6, "TCP over IPv6");

  expect("LOCAL", version2(0x20, 0, {}), State::local);
  expect("LOCAL with TLVs, as a health check of AWS has (CVE-2024-23327)", version2(0x20, 0, tlv(0xea, {1, 'v', 'p', 'c'})), State::local);
  expect("LOCAL with a family and too short a block", version2(0x20, 0x11, {1, 2, 3}), State::local);
  expect("a family that is not specified", version2(0x21, 0, of("anything")), State::local);
  expect("a Unix pair", version2(0x21, 0x31, Bytes(216, 'x')), State::local);
  expect("datagrams", version2(0x21, 0x12, addresses4()), State::local);
  const ProxyHeader datagram = readProxyHeader(version2(0x21, 0x12, addresses4()), ProxyTransport::datagram);
  check(datagram.state == State::proxied && datagram.bytes == 28 && datagram.source == a4 && datagram.destination == b4, "UDP over IPv4, of a datagram");
  check(readProxyHeader(version2(0x21, 0x11, addresses4()), ProxyTransport::datagram).source == a4, "TCP over IPv4, passed on in a datagram");
  check(readProxyHeader(version2(0x21, 0x10, addresses4()), ProxyTransport::datagram).state == State::local, "a protocol that is not specified");
  expect("TLVs, one of them not UTF-8 (CVE-2024-23324)", version2(0x21, 0x11, plus(addresses4(), plus(tlv(2, {0xff, 0xfe}), tlv(4, Bytes(300))))), State::proxied);
  expect("the longest block", version2(0x21, 0x11, plus(addresses4(), tlv(4, Bytes(65535 - 12 - 3)))), State::proxied);
  expect("a CRC that fits", withCrc(plus(addresses4(), tlv(1, of("h2"))), true), State::proxied);
  expect("a CRC that does not", withCrc(addresses4(), false), State::invalid);
  expect("LOCAL with a family that nobody has", version2(0x20, 0xff, {}), State::local);
  // Made so that all three fit.
  expect("several CRCs, each of which would be a pass over the header",
         Bytes{0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a, 0x21, 0x11, 0x00, 0x25, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
               0x03, 0x00, 0x04, 0xe5, 0x4c, 0xad, 0x58, 0x03, 0x00, 0x04, 0x17, 0x8f, 0xc7, 0x01, 0x03, 0x00, 0x04, 0x18, 0xd5, 0xfb, 0x9b, 0x04, 0x00, 0x01, 0x00},
         State::invalid);
  expect("a CRC of three bytes", version2(0x21, 0x11, plus(addresses4(), tlv(3, Bytes(3)))), State::invalid);
  expect("a TLV that leaves the block", version2(0x21, 0x11, plus(addresses4(), {4, 0, 5, 1})), State::invalid);
  expect("half a TLV", version2(0x21, 0x11, plus(addresses4(), {4, 0})), State::invalid);
  expect("a block shorter than its addresses", version2(0x21, 0x11, Bytes(11)), State::invalid);
  expect("IPv6 in a block of IPv4 (CVE-2024-23325)", version2(0x21, 0x21, addresses4()), State::invalid);
  for (const int command : {0x01, 0x11, 0x22, 0x2f, 0x31}) expect("another version or command", version2(uint8_t(command), 0x11, addresses4()), State::invalid);
  for (const int family : {0x41, 0x13, 0xff}) expect("another family or protocol", version2(0x21, uint8_t(family), addresses4()), State::invalid);
  expect("a signature without its NUL", of("\r\n\r\nX\r\nQUIT\n"), State::none);
  Bytes cut = version2(0x21, 0x11, addresses4());
  cut.pop_back();
  expect("a block that is not there yet", cut, State::more);
}

void testWriting() {
  const PeerAddress unknown{.family = 1};
  for (const unsigned version : {1u, 2u}) {
    for (const auto& [source, destination] : {std::pair(a4, b4), std::pair(a6, b6), std::pair(a4, b6), std::pair(a6, b4)}) {
      uint8_t bytes[maxProxyHeaderBytes];
      const size_t length = writeProxyHeader(version, source, destination, bytes);
      const ProxyHeader header = atEverySplit(Bytes(bytes, bytes + length));
      check(header.state == State::proxied && header.bytes == length && header.source == source && header.destination == destination, "what is written is read as it was meant");
    }
    uint8_t bytes[maxProxyHeaderBytes];
    const size_t length = writeProxyHeader(version, unknown, b4, bytes);
    const ProxyHeader header = atEverySplit(Bytes(bytes, bytes + length));
    check(header.state == State::local && header.bytes == length, "who has no address is not known");
  }
  const PeerAddress longest = peer({0xfe, 0xdc, 0xba, 0x98, 0xfe, 0xdc, 0xba, 0x98, 0xfe, 0xdc, 0xba, 0x98, 0xfe, 0xdc, 0xba, 0x98}, 65535);
  uint8_t bytes[maxProxyHeaderBytes];
  check(writeProxyHeader(1, longest, longest, bytes) == 104, "the longest line fits");
}

void fuzz(Random& random, size_t rounds) {
  for (size_t round = 0; round < rounds; ++round) {
    Bytes head = corpus[random.below(corpus.size())];
    if (head.size() > 1000) head.resize(1000);
    for (size_t changes = random.below(4); changes > 0 && !head.empty(); --changes) {
      const size_t at = random.below(head.size());
      if (random.oneIn(4)) head.erase(head.begin() + long(at));
      else if (random.oneIn(3)) head.insert(head.begin() + long(at), uint8_t(random.bits()));
      else head[at] = uint8_t(random.bits());
    }
    const ProxyHeader whole = read(head), earlier = read(std::span(head).first(head.empty() ? 0 : random.below(head.size())));
    check(earlier.state == State::more || same(earlier, whole), "a mutation does not make it take back an answer");
    if (whole.state != State::proxied) continue;
    uint8_t bytes[maxProxyHeaderBytes];
    const ProxyHeader again = read({bytes, writeProxyHeader(1 + unsigned(random.below(2)), whole.source, whole.destination, bytes)});
    check(again.state == State::proxied && again.source == whole.source && again.destination == whole.destination, "what was read can be written and read again");
  }
}

}  // namespace

void testProxyProtocol(uint64_t seed) {
  testVersion1();
  testVersion2();
  testWriting();
  Random random(seed);
  fuzz(random, 300'000);
}
