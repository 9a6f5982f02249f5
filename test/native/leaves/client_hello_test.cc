// stage/client_hello.h: what it takes, what it refuses, every split, and a million mutations.
#include "stage/client_hello.h"

#include <cstdio>

#include "check.h"
#include "hello_bytes.h"

using namespace millrace;
using State = ClientHello::State;

namespace {

Answer ofExtensions(const Bytes& extensions) { return readExactly(records(helloMessage(extensions))); }
Answer ofName(const std::string& name) { return ofExtensions(serverName(name)); }

Bytes operator+(Bytes a, const Bytes& b) {
  put(a, b);
  return a;
}

// Every prefix of the wire image says `more` until one says the answer, and all longer ones say the same.
void atEverySplit(const Bytes& wire, const Answer& expected) {
  for (size_t length = 0; length <= wire.size(); ++length) {
    const Answer answer = readExactly(std::span(wire).first(length));
    check(answer == expected || (answer.state == State::more && length < wire.size()), "a prefix says `more` or the answer");
  }
}

void testNames() {
  const auto accepted = [](const std::string& name, const std::string& as) { check(ofName(name) == Answer{State::sni, as}, name.c_str()); };
  accepted("a.example", "a.example");
  accepted("WWW.Example.COM", "www.example.com");
  accepted("a.example.", "a.example");
  accepted("localhost", "localhost");
  accepted("_dmarc.x-1.example", "_dmarc.x-1.example");
  accepted("xn--mnchen-3ya.example", "xn--mnchen-3ya.example");
  accepted("1.2.3.4.example", "1.2.3.4.example");
  const std::string label(63, 'a');
  const std::string longest = label + "." + label + "." + label + "." + label;
  accepted(longest, longest);

  const auto refused = [](const std::string& name, const char* why) { check(ofName(name).state == (name.empty() || name.size() > 255 ? State::malformed : State::badSni), why); };
  refused("", "an empty name");
  refused(".", "the root");
  refused(".a.example", "a leading dot");
  refused("a..example", "an empty label");
  refused("a.example..", "two trailing dots");
  refused(std::string("a.example\0", 10), "a NUL at the end");
  refused(std::string("a.example\0.evil.example", 23), "a NUL inside");
  refused("192.0.2.1", "an IPv4 address");
  refused("192.0.2.1.", "an IPv4 address with a dot");
  refused("2001:db8::1", "an IPv6 address");
  refused("[::1]", "an IPv6 address in brackets");
  refused("a example", "a space");
  refused("a.example:443", "a port");
  refused("*.example", "a wildcard");
  refused("m\xc3\xbcnchen.example", "a name that is not ASCII");
  refused(label + "a.example", "a label of 64 bytes");
  refused(longest + ".", "256 bytes");
  refused(longest + ".a", "257 bytes");
  refused(std::string(5000, 'a'), "5000 bytes");
}

void testShapes() {
  const Bytes name = serverName("a.example");
  const Bytes other = extension(43, {2, 3, 4});
  const Answer good{State::sni, "a.example"};
  check(ofExtensions(name + other) == good && ofExtensions(other + name) == good, "the name may stand anywhere among the extensions");
  check(ofExtensions({}).state == State::noSni && ofExtensions(other).state == State::noSni, "extensions without a name");
  check(readExactly(records(helloMessage(std::nullopt))).state == State::noSni, "a hello without extensions");
  check(readExactly(records(helloMessage(name, 0, 2, 255))) == good, "the shortest session id and suites, the longest compressions");
  check(readExactly(records(helloMessage(name, 32, 65534))) == good, "a hello of 64 KiB over several records");
  Bytes after = records(helloMessage(name)) + Bytes{0, 0, 0, 0, 0, 0};
  check(readExactly(after) == good, "what follows the hello is not looked at");

  const auto malformed = [](const Bytes& wire, const char* why) { check(readExactly(wire).state == State::malformed, why); };
  malformed(records(helloMessage(name + name)), "two server_name extensions");
  malformed(records(helloMessage(serverName({{0, "a.example"}, {0, "b.example"}}))), "two names");
  malformed(records(helloMessage(serverName({{1, "a.example"}}))), "a name of another type");
  malformed(records(helloMessage(serverName(std::vector<std::pair<uint8_t, std::string>>{}))), "an empty list");
  malformed(records(helloMessage(extension(0, {}))), "an empty server_name, as a server would answer");
  malformed(records(helloMessage(extension(0, {0, 3, 0, 0, 9}))), "a name longer than its list");
  malformed(records(helloMessage(extension(0, {0, 9, 0, 0, 1, 'a'}))), "a list longer than its extension");
  malformed(records(helloMessage(extension(0, {0, 4, 0, 0, 1, 'a', 'b'}))), "a byte after the list");
  malformed(records(helloMessage(Bytes{0, 43, 0, 9, 1})), "an extension longer than the extensions");
  malformed(records(helloMessage(Bytes{0, 43, 0})), "half an extension header");
  malformed(records(helloMessage(name, 33)), "a session id of 33 bytes");
  malformed(records(helloMessage(name, 32, 0)), "no cipher suite");
  malformed(records(helloMessage(name, 32, 3)), "one and a half cipher suites");
  malformed(records(helloMessage(name, 32, 4, 0)), "no compression method");
  Bytes message = helloMessage(name);
  message[0] = 2;
  malformed(records(message), "a ServerHello");
  message = helloMessage(name);
  ++message[3];
  malformed(records(message) + Bytes{22, 3, 1, 0, 1, 0}, "a message longer than its extensions");
  message = helloMessage(name);
  message[4] = 2;
  malformed(records(message), "a version that is not 3.x");

  malformed({22, 3, 1, 0, 0}, "an empty record");
  malformed({22, 3, 1, 0x40, 1}, "a record of 16385 bytes");
  malformed({22, 3, 1, 0x41}, "a record of more, seen at its fourth byte");
}

void testFirstBytes() {
  check(readExactly({}).state == State::more, "nothing yet");
  for (int byte = 0; byte < 256; ++byte) {
    const Bytes one{static_cast<uint8_t>(byte)};
    check(readExactly(one).state == (byte == 22 ? State::more : State::notTls), "the first byte tells TLS from all else");
    const Bytes two{22, static_cast<uint8_t>(byte)};
    check(readExactly(two).state == (byte == 3 ? State::more : State::notTls), "the second is the major version");
    const Bytes six{22, 3, static_cast<uint8_t>(byte), 1, 0, 1};
    check(readExactly(six).state == State::more, "the minor version of a record may be any");
  }
  Bytes alert = records(helloMessage(serverName("a.example")), 40);
  alert[45] = 21;
  check(readExactly(std::span(alert).first(46)).state == State::malformed, "an alert between the records of a hello");
}

void mutate(Random& random, Bytes& bytes, const std::vector<Bytes>& corpus) {
  for (uint64_t n = 1 + random.below(4); n > 0 && !bytes.empty(); --n) {
    const size_t at = random.below(bytes.size());
    const auto place = bytes.begin() + static_cast<long>(at);
    switch (random.below(7)) {
      case 0: bytes[at] ^= static_cast<uint8_t>(1 << random.below(8)); break;
      case 1: bytes[at] = static_cast<uint8_t>(random.bits()); break;
      case 2: bytes[at] = random.oneIn(2) ? 0 : 0xff; break;
      case 3: bytes[at] = static_cast<uint8_t>(bytes[at] + (random.oneIn(2) ? 1 : -1)); break;
      case 4: bytes.erase(place, place + static_cast<long>(std::min<size_t>(1 + random.below(8), bytes.size() - at))); break;
      case 5: bytes.insert(place, 1 + random.below(4), static_cast<uint8_t>(random.bits())); break;
      default: {
        const Bytes& from = corpus[random.below(corpus.size())];
        const size_t start = random.below(from.size());
        const size_t length = std::min({static_cast<size_t>(random.below(32)), from.size() - start, bytes.size() - at});
        std::copy_n(from.begin() + static_cast<long>(start), length, place);
      }
    }
  }
}

void fuzz(Random& random, const std::vector<Bytes>& corpus, int rounds) {
  size_t kinds[6] = {};
  for (int round = 0; round < rounds; ++round) {
    Bytes bytes = corpus[random.below(corpus.size())];
    mutate(random, bytes, corpus);
    const Answer answer = readExactly(bytes);
    ++kinds[static_cast<size_t>(answer.state)];
    const auto naive = naiveName(bytes);
    check((answer.state == State::sni) == naive.has_value() && (!naive || *naive == answer.name), "a mutated hello is read as the naive reader reads it");
    const Answer earlier = readExactly(std::span(bytes).first(random.below(bytes.size() + 1)));
    check(earlier.state == State::more || earlier == answer, "an answer does not change when bytes are added");
  }
  for (const size_t count : kinds) check(count > 100, "mutations reach every state");
}

}  // namespace

void testClientHello(uint64_t seed, std::span<const CapturedHello> captured) {
  testNames();
  testShapes();
  testFirstBytes();

  const Bytes made = helloMessage(extension(10, {0, 2, 0, 29}) + serverName("Split.Example.") + extension(43, {2, 3, 4}));
  std::vector<Bytes> corpus;
  for (size_t recordBytes = 1; recordBytes <= made.size(); ++recordBytes) {
    corpus.push_back(records(made, recordBytes));
    atEverySplit(corpus.back(), {State::sni, "split.example"});
  }
  const Bytes nameless = records(helloMessage(extension(43, {2, 3, 4})), 30);
  atEverySplit(nameless, {State::noSni, ""});
  corpus.push_back(nameless);

  for (const CapturedHello& hello : captured) {
    const Answer expected{hello.name.empty() ? State::noSni : State::sni, hello.name};
    check(readExactly(hello.bytes) == expected, "a captured hello asks for the name it was given");
    atEverySplit(hello.bytes, expected);
    const auto message = messageIn(hello.bytes);
    check(message.has_value(), "a captured hello is whole");
    if (!message) continue;
    for (size_t recordBytes = 1; recordBytes <= message->size(); ++recordBytes) {
      check(readExactly(records(*message, recordBytes)) == expected, "and does so at every record size");
    }
    corpus.push_back(hello.bytes);
    corpus.push_back(records(*message, 100));
  }
  std::printf("%zu captured hellos\n", captured.size());

  Random random(seed);
  fuzz(random, corpus, 1'000'000);
}
