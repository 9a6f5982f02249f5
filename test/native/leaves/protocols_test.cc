// Longer than 250 lines: one protocol after another, each with its bytes.
// The matchers of protocols: a table of what begins each, at every split, and mutations of all of it.
#include <cstdio>
#include <map>

#include "check.h"
#include "hello_bytes.h"
#include "stage/alpn.h"
#include "stage/dns.h"
#include "stage/http.h"
#include "stage/http_host.h"
#include "stage/http_path.h"
#include "stage/mqtt.h"
#include "stage/postgres.h"
#include "stage/proxy_header.h"
#include "stage/quic.h"
#include "stage/ssh.h"
#include "stage/tls.h"
#include "stage/wireguard.h"

using namespace millrace;

namespace {

const PeerAddress kPeer{.family = 4, .ip = {10, 0, 0, 1}};

Bytes of(std::string_view text) { return Bytes(text.begin(), text.end()); }
Bytes plus(Bytes a, const Bytes& b) {
  put(a, b);
  return a;
}

Match ask(const Matcher& matcher, std::span<const uint8_t> head, bool final = false, bool datagram = false) {
  return exactly(head, [&](std::span<const uint8_t> bytes) { return matcher.match({kPeer, bytes, final, datagram}); });
}

// `more` until one answer, which stays; at the end of a stream every beginning has an answer.
Match atEverySplit(const Matcher& matcher, const Bytes& head) {
  Match answer = Match::more;
  for (size_t length = 0; length <= head.size(); ++length) {
    const auto part = std::span(head).first(length);
    const Match now = ask(matcher, part);
    check(answer == Match::more || now == answer, "an answer does not change when bytes are added");
    const Match last = ask(matcher, part, true);
    check(last == (now == Match::more ? Match::no : now), "what is not decided at the end is no");
    answer = now;
  }
  return answer;
}

struct Case {
  const char* what;
  Bytes head;
  Match expected;
};

std::vector<Bytes> corpus;

void expect(const Matcher& matcher, const std::vector<Case>& cases) {
  for (const Case& one : cases) {
    check(atEverySplit(matcher, one.head) == one.expected, one.what);
    corpus.push_back(one.head);
  }
}

NameSet names(std::initializer_list<const char*> list, std::initializer_list<const char*> addresses = {}) {
  NameSet set;
  for (const char* name : list) check(set.add(name), name);
  for (const char* address : addresses) set.addAsIs(address);
  return set;
}

Bytes request(const std::string& line, const std::string& fields) { return of(line + "\r\n" + fields + "\r\n"); }

void testHttp() {
  const HttpMatcher any(true, true), one(true, false), two(false, true);
  const Bytes preface = of("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
  const std::vector<Case> lines = {
      {"a request line", of("GET / HTTP/1.1\r\n"), Match::yes},
      {"HTTP/1.0", of("HEAD /x?y HTTP/1.0\r\nwhatever\0"), Match::yes},
      {"CONNECT", of("CONNECT a.example:443 HTTP/1.1\r\n"), Match::yes},
      {"a method with a hyphen", of("VERSION-CONTROL * HTTP/1.1\r\n"), Match::yes},
      {"a line that is not whole", of("GET / HTTP/1.1\r"), Match::more},
      {"a method like the preface's", of("PRIVET / HTTP/1.1\r\n"), Match::yes},
      {"a bare LF", of("GET / HTTP/1.1\n"), Match::no},
      {"HTTP/0.9", of("GET /\r\n"), Match::no},
      {"HTTP/2 in a line", of("GET / HTTP/2.0\r\n"), Match::no},
      {"two spaces", of("GET  / HTTP/1.1\r\n"), Match::no},
      {"a lower-case method", of("get / HTTP/1.1\r\n"), Match::no},
      {"a method that is too long", of(std::string(33, 'A') + " / HTTP/1.1\r\n"), Match::no},
      {"SSH", of("SSH-2.0-x\r\n"), Match::no},
      {"a NUL in the target", of(std::string_view("GET /\0 HTTP/1.1\r\n", 17)), Match::no},
      {"TLS", of("\x16\x03\x01"), Match::no},
  };
  expect(any, lines);
  expect(one, lines);
  expect(any, {{"the preface of HTTP/2", preface, Match::yes}, {"half of it", of("PRI * HTTP/2.0\r\n\r\nS"), Match::more}});
  expect(two, {{"the preface", preface, Match::yes}, {"HTTP/1", of("GET / HTTP/1.1\r\n"), Match::no}});
  expect(one, {{"the preface is not HTTP/1", preface, Match::no}});
}

void testHttpHost() {
  const HttpHostMatcher host(names({"a.example", "*.b.example"}, {"192.0.2.1", "2001:db8::1"}));
  const std::string get = "GET / HTTP/1.1";
  const auto field = [&](const std::string& value) { return request(get, "Accept: */*\r\nHost:" + value + "\r\nX: y\r\n"); };
  std::vector<Case> cases;
  for (const char* yes : {" a.example", "a.example", "\t A.Example. \t", " a.example:8080", " a.example:", " x.b.example", " 192.0.2.1", " 192.0.2.1:80", " [2001:db8::1]:443", " [2001:DB8:0:0::1]"}) cases.push_back({yes, field(yes), Match::yes});
  for (const char* no : {"", " ", " b.example", " x.y.b.example", " 192.0.2.2", " a.example:80:80", " a.example:x", " a.example:123456", " user@a.example", " a.example/", " a.example, a.example", " [2001:db8::1", " [2001:db8::1]x", " [a.example]", " a.example\x01"}) cases.push_back({no, field(no), Match::no});
  cases.push_back({"two hosts", request(get, "Host: a.example\r\nHost: a.example\r\n"), Match::no});
  cases.push_back({"a folded line", request(get, "X: y\r\n z\r\nHost: a.example\r\n"), Match::no});
  cases.push_back({"a space before the colon", request(get, "Host : a.example\r\n"), Match::no});
  cases.push_back({"a bare LF", request(get, "X: y\nHost: a.example\r\n"), Match::no});
  cases.push_back({"a bare CR", request(get, "X: y\rHost: a.example\r\n"), Match::no});
  cases.push_back({"no host", request(get, "X: y\r\n"), Match::no});
  cases.push_back({"no host in HTTP/1.0", request("GET / HTTP/1.0", ""), Match::no});
  cases.push_back({"fields that do not end", of(get + "\r\nHost: a.example\r\n"), Match::more});
  cases.push_back({"an absolute target", request("GET http://a.example/x HTTP/1.1", "Host: A.example:80\r\n"), Match::yes});
  cases.push_back({"an absolute target alone", request("GET http://a.example/x HTTP/1.0", ""), Match::yes});
  cases.push_back({"an absolute target and another host", request("GET http://a.example/x HTTP/1.1", "Host: other.example\r\n"), Match::no});
  cases.push_back({"an absolute target and no good host", request("GET http://a.example/x HTTP/1.1", "Host: \r\n"), Match::no});
  cases.push_back({"a target that has another within", request("GET x/y?u=http://a.example/ HTTP/1.1", "Host: a.example\r\n"), Match::no});
  cases.push_back({"an absolute target without a path", request("GET http://a.example?q HTTP/1.1", "Host: a.example\r\n"), Match::yes});
  cases.push_back({"an absolute target with a user", request("GET http://u@a.example/ HTTP/1.1", "Host: a.example\r\n"), Match::no});
  cases.push_back({"another absolute target", request("GET http://other.example/ HTTP/1.1", "Host: a.example\r\n"), Match::no});
  cases.push_back({"CONNECT", request("CONNECT a.example:443 HTTP/1.1", "Host: a.example\r\n"), Match::yes});
  cases.push_back({"CONNECT and another host", request("CONNECT a.example:443 HTTP/1.1", "Host: other.example\r\n"), Match::no});
  cases.push_back({"a Host in the body", of(get + "\r\nX: y\r\n\r\nHost: a.example\r\n\r\n"), Match::no});
  cases.push_back({"HTTP/2", of("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), Match::no});
  expect(host, cases);
}

void testHttpPath() {
  const HttpPathMatcher path({"/", "/api/*", "/one"});
  const auto target = [](const char* text) { return of(std::string("GET ") + text + " HTTP/1.1\r\n"); };
  std::vector<Case> cases;
  for (const char* yes : {"/", "/?q=/x", "/api/", "/api/x/y", "/one", "/one?x", "http://a.example", "http://a.example/one", "http://a.example?x", "https://a.example:8/api/?z"}) cases.push_back({yes, target(yes), Match::yes});
  for (const char* no : {"/api", "/ap", "/One", "/one/", "/%6fne", "*", "one", "http:/one", "/x?/api/"}) cases.push_back({no, target(no), Match::no});
  cases.push_back({"CONNECT", of("CONNECT a.example:443 HTTP/1.1\r\n"), Match::no});
  cases.push_back({"before the line is whole", of("GET /one HTTP/1.1\r"), Match::more});
  expect(path, cases);
}

void testTls() {
  const TlsMatcher tls;
  const AlpnMatcher alpn({"h2", "acme-tls/1"});
  const auto offers = [](std::initializer_list<std::string> list) {
    Bytes content;
    for (const std::string& one : list) put(content, sized(of(one), 1));
    return extension(16, sized(content, 2));
  };
  const auto hello = [](const Bytes& extensions) { return records(helloMessage(extensions), 50); };
  const Bytes both = hello(plus(serverName("a.example"), offers({"http/1.1", "h2"})));
  const Bytes other = hello(plus(offers({"http/1.1", "h2c"}), serverName("a.example")));
  const Bytes alone = hello(offers({"acme-tls/1"}));
  const Bytes none = records(helloMessage(std::nullopt));
  const Bytes byAddress = hello(plus(serverName("192.0.2.1"), offers({"h2"})));
  expect(alpn, {{"with an IP address for a name", byAddress, Match::yes}});
  for (const Bytes& wire : {both, other, alone, none, byAddress}) expect(tls, {{"a hello", wire, Match::yes}});
  expect(alpn, {{"among others", both, Match::yes}, {"others", other, Match::no}, {"alone, without a name", alone, Match::yes}, {"no offer", none, Match::no}});
  const std::vector<std::pair<const char*, Bytes>> broken = {
      {"ALPN twice", hello(plus(offers({"h2"}), offers({"h2"})))},
      {"an empty protocol", hello(offers({"h2", ""}))},
      {"no protocols", hello(offers({}))},
      {"a protocol longer than the list", hello(extension(16, {0, 3, 9, 'h', '2'}))},
      {"more than the list", hello(extension(16, {0, 3, 2, 'h', '2', 0}))},
  };
  for (const auto& [what, wire] : broken) {
    expect(alpn, {{what, wire, Match::no}});
    expect(tls, {{what, wire, Match::no}});
  }
  const Bytes longList = hello(offers({std::string(253, 'x'), "h2"}));
  expect(alpn, {{"beyond 256 bytes", longList, Match::no}});
  expect(tls, {{"a long list is a hello all the same", longList, Match::yes}});
  expect(alpn, {{"just within 256 bytes", hello(offers({std::string(252, 'x'), "h2"})), Match::yes}});
  expect(tls, {{"HTTP", of("GET / HTTP/1.1\r\n"), Match::no}, {"an alert", of(std::string_view("\x15\x03\x01\0\2\2\x28", 7)), Match::no}});
}

void testSshPostgresMqtt() {
  expect(SshMatcher(), {
      {"OpenSSH", of("SSH-2.0-OpenSSH_9.2p1\r\n"), Match::yes},
      {"an old one", of("SSH-1.99-x\r\n"), Match::yes},
      {"half", of("SSH-"), Match::more},
      {"no version", of("SSH-x"), Match::no},
      {"lower-case", of("ssh-2.0"), Match::no},
  });
  const auto message = [](uint32_t length, uint32_t code, Bytes rest = {}) {
    Bytes bytes;
    put(bytes, length, 4);
    put(bytes, code, 4);
    put(bytes, rest);
    return bytes;
  };
  expect(PostgresMatcher(), {
      {"SSLRequest", message(8, 80877103), Match::yes},
      {"GSSENCRequest", message(8, 80877104), Match::yes},
      {"CancelRequest", message(16, 80877102, Bytes(8)), Match::yes},
      {"protocol 3.0", message(24, 3 << 16, of(std::string_view("user\0me\0\0", 9))), Match::yes},
      {"protocol 3.2", message(9, 3 << 16 | 2), Match::yes},
      {"protocol 2", message(296, 2 << 16), Match::no},
      {"an SSLRequest that is too long", message(9, 80877103), Match::no},
      {"a startup that is too long", message(10'005, 3 << 16), Match::no},
      {"a startup without parameters", message(8, 3 << 16), Match::no},
      {"another code", message(8, 80877105), Match::no},
      {"7 bytes", Bytes{0, 0, 0, 8, 4, 0xd2, 0x16}, Match::more},
      {"HTTP", of("GET / HTTP/1.1\r\n"), Match::no},
      {"TLS", of("\x16\x03\x01"), Match::no},
  });
  const auto connect = [](std::string_view variable, Bytes length = {}) { return plus(plus({0x10}, length.empty() ? Bytes{uint8_t(variable.size())} : length), of(variable)); };
  expect(MqttMatcher(), {
      {"3.1.1", connect({"\0\4MQTT\4\2\0<\0\0", 12}), Match::yes},
      {"5", connect({"\0\4MQTT\5\2\0<\0\0\0", 13}), Match::yes},
      {"3.1", connect({"\0\6MQIsdp\3\2\0<\0\1a", 15}), Match::yes},
      {"a long packet", connect({"\0\4MQTT\4\2", 8}, {0xff, 0xff, 0xff, 0x7f}), Match::yes},
      {"a length of five bytes", connect({"\0\4MQTT\4\2", 8}, {0x80, 0x80, 0x80, 0x80, 1}), Match::no},
      {"a bridge of Mosquitto", connect({"\0\4MQTT\x84\2\0<\0\0", 12}), Match::yes},
      {"a bridge of 5, which there is not", connect({"\0\4MQTT\x85\2\0<\0\0", 12}), Match::no},
      {"level 6", connect({"\0\4MQTT\6\2\0<\0\0", 12}), Match::no},
      {"MQIsdp, level 4", connect({"\0\6MQIsdp\4\2\0<\0\1a", 15}), Match::no},
      {"another name", connect({"\0\4MQTX\4\2\0<\0\0", 12}), Match::no},
      {"too short for what it is", connect({"\0\4MQTT\4\2", 8}), Match::no},
      {"PINGREQ", {0xc0, 0}, Match::no},
      {"up to the level", connect({"\0\4MQTT", 6}, {12}), Match::more},
  });
}

void testDatagrams() {
  const DnsMatcher dns;
  const auto query = [](Bytes head = {0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 1}, std::string_view name = {"\1a\7example\0", 11}, Bytes type = {0, 1, 0, 1}) { return plus(plus(std::move(head), of(name)), type); };
  const Bytes edns = {0, 0, 41, 4, 0xd0, 0, 0, 0, 0, 0, 0};
  const std::vector<Case> cases = {
      {"a query", plus(query(), edns), Match::yes},
      {"for the root", query({1, 2, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0}, {"\0", 1}), Match::yes},
      {"by multicast", query({0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0}, {"\5local\0", 7}, {0, 12, 0x80, 1}), Match::yes},
      {"a response", query({0x12, 0x34, 0x81, 0x80, 0, 1, 0, 1, 0, 0, 0, 0}), Match::no},
      {"a NOTIFY", query({0x12, 0x34, 0x20, 0, 0, 1, 0, 0, 0, 0, 0, 0}), Match::no},
      {"two questions", query({0x12, 0x34, 1, 0, 0, 2, 0, 0, 0, 0, 0, 0}), Match::no},
      {"a pointer as its name", query({0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0}, {"\xc0\x0c", 2}), Match::no},
      {"another class", query({0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0}, {"\0", 1}, {0, 1, 0, 9}), Match::no},
      {"a name that is too long", query({0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0}, std::string(300, '\1')), Match::no},
  };
  for (const Case& one : cases) {
    check(ask(dns, one.head, true, true) == one.expected, one.what);
    for (size_t length = 0; length < one.head.size() && length < 12 + 11 + 4; ++length) {
      if (one.head.size() > 12 + 11) check(ask(dns, std::span(one.head).first(length), true, true) == Match::no || one.head[12] == 0, "a query that is cut is none");
    }
    expect(dns, {{one.what, sized(one.head, 2), one.expected}});
  }
  expect(dns, {{"a length that is too short", {0, 16, 1}, Match::no}, {"a name that leaves its message", plus({0, 18}, query()), Match::no}});

  const WireguardMatcher wireguard;
  const auto says = [&](uint8_t type, size_t bytes, bool datagram = true) {
    Bytes message(bytes, 0x5a);
    const Bytes begins = {type, 0, 0, 0};
    std::copy_n(begins.begin(), std::min<size_t>(bytes, 4), message.begin());
    corpus.push_back(message);
    return ask(wireguard, message, true, datagram) == Match::yes;
  };
  check(says(1, 148) && says(2, 92) && says(3, 64) && says(4, 32) && says(4, 1452) && says(4, 1412), "each message of WireGuard by its type and length");
  for (size_t bytes = 0; bytes < 200; ++bytes) {
    check(says(1, bytes) == (bytes == 148) && says(2, bytes) == (bytes == 92) && says(3, bytes) == (bytes == 64) && says(4, bytes) == (bytes >= 32), "and no other length");
    check(!says(0, bytes) && !says(5, bytes), "nor another type");
  }
  check(!says(1, 148, false), "a stream is none");

  const ProxyHeaderMatcher proxy;
  expect(proxy, {
      {"version 1", of("PROXY TCP4 "), Match::yes},
      {"version 2", of(std::string_view("\r\n\r\n\0\r\nQUIT\n\x21", 13)), Match::yes},
      {"half of version 2", of(std::string_view("\r\n\r\n\0\r\nQUIT", 11)), Match::more},
      {"a request", of("PROXYX"), Match::no},
      {"empty lines", of("\r\n\r\nX"), Match::no},
  });
}

/// An Initial as the lengths say; `rest` is what they leave to its number and payload.
Bytes initial(uint32_t version, uint8_t first, size_t token = 0, size_t rest = 1181, size_t id = 8) {
  Bytes bytes = {first};
  put(bytes, version, 4);
  put(bytes, sized(Bytes(id, 0xd1), 1));
  put(bytes, {0});
  put(bytes, 0x4000 | unsigned(token), 2);
  put(bytes, Bytes(token, 0x70));
  put(bytes, 0x4000 | unsigned(rest), 2);
  put(bytes, Bytes(rest, 0x5a));
  return bytes;
}

void testQuic() {
  constexpr uint32_t v2 = 0x6b3343cf;
  const QuicMatcher quic({1, v2}), draft({0xff00001d});
  const auto says = [](const Matcher& matcher, const Bytes& datagram) {
    corpus.push_back(datagram);
    return ask(matcher, datagram, true, true) == Match::yes;
  };
  const Bytes good = initial(1, 0xc3);
  check(good.size() == 1200 && says(quic, good), "an Initial of version 1 in 1200 bytes");
  check(!says(quic, Bytes(good.begin(), good.end() - 1)), "one byte less");
  check(says(quic, plus(good, Bytes(52, 0))), "with something behind it");
  check(ask(quic, good, true, false) == Match::no && ask(quic, good) == Match::no, "not in a stream");
  check(says(quic, initial(v2, 0xd3)) && !says(quic, initial(v2, 0xc3)) && !says(quic, initial(1, 0xd3)), "the types of version 2 are others");
  check(!says(quic, initial(1, 0xe3)) && !says(quic, initial(1, 0xf3)), "a Handshake and a Retry begin nothing");
  check(!says(quic, initial(0, 0xc3)) && !says(quic, initial(3, 0xc3)) && !says(quic, initial(0xff00001d, 0xc3)), "a Version Negotiation and versions that nobody has named");
  check(says(quic, initial(0x1a2a3a4a, 0xff, 9)) && !says(quic, initial(0x1a2a3a4a, 0xbf)), "a reserved version");
  check(says(draft, initial(0xff00001d, 0xc0)) && !says(draft, good) && says(draft, initial(0x0a0a0a0a, 0xc0)), "a version that was named, and no other");
  check(says(quic, initial(1, 0xc0, 0, 1182, 20)) && !says(quic, initial(1, 0xc0, 0, 1182, 21)), "an id of 20 bytes at most");
  check(says(quic, initial(1, 0xc0, 0, 1200, 0)), "and of none, as after a Retry");
  check(!says(quic, initial(1, 0x83)) && says(quic, initial(1, 0x83, 40)), "no fixed bit, with a token only");
  check(!says(quic, initial(1, 0x43)) && !says(quic, initial(1, 0x03)), "a short header");
  check(says(quic, plus(initial(1, 0xc3, 0, 20), Bytes(1200, 0))) && !says(quic, plus(initial(1, 0xc3, 0, 19), Bytes(1200, 0))), "at least 20 bytes of packet");
  Bytes longer = good;
  longer[17] += 1;
  check(!says(quic, longer), "a length beyond the datagram");
  Bytes token = good;
  token[15] = 0x7f;
  check(!says(quic, token), "a token beyond the datagram");
  Bytes huge = good;
  for (size_t i = 15; i < 23; ++i) huge[i] = 0xff;
  check(!says(quic, huge), "a token of 2^62 - 1 bytes");
  Bytes scid = good;
  scid[14] = 21;
  check(!says(quic, scid), "a source id that is too long");
}

// No mutation of anything makes a matcher read past the head or take back an answer.
void fuzz(Random& random, size_t rounds) {
  const HttpHostMatcher host(names({"a.example", "*.b.example"}));
  const HttpPathMatcher path({"/", "/api/*"});
  const HttpMatcher http(true, true);
  const AlpnMatcher alpn({"h2"});
  const TlsMatcher tls;
  const SshMatcher ssh;
  const PostgresMatcher postgres;
  const MqttMatcher mqtt;
  const DnsMatcher dns;
  const ProxyHeaderMatcher proxy;
  const WireguardMatcher wireguard;
  const QuicMatcher quic({1, 0x6b3343cf});
  const Matcher* all[] = {&host, &path, &http, &alpn, &tls, &ssh, &postgres, &mqtt, &dns, &proxy, &wireguard, &quic};
  for (size_t round = 0; round < rounds; ++round) {
    Bytes head = corpus[random.below(corpus.size())];
    for (size_t changes = random.below(4); changes > 0 && !head.empty(); --changes) {
      const size_t at = random.below(head.size());
      if (random.oneIn(4)) head.erase(head.begin() + long(at));
      else if (random.oneIn(3)) head.insert(head.begin() + long(at), uint8_t(random.bits()));
      else head[at] = uint8_t(random.bits());
    }
    const size_t cut = head.empty() ? 0 : random.below(head.size());
    for (const Matcher* matcher : all) {
      const Match earlier = ask(*matcher, std::span(head).first(cut)), whole = ask(*matcher, head);
      check(earlier == Match::more || earlier == whole, "a mutation does not make it take back an answer");
      check(ask(*matcher, head, true) == (whole == Match::more ? Match::no : whole), "nor wait for what will not come");
      ask(*matcher, head, true, true);
    }
  }
}

}  // namespace

void testProtocols(uint64_t seed) {
  testHttp();
  testHttpHost();
  testHttpPath();
  testTls();
  testSshPostgresMqtt();
  testDatagrams();
  testQuic();
  Random random(seed);
  fuzz(random, 100'000);
}
