// Longer than 250 lines: one message of a proxy after another.
// stage/socks5.h, stage/http_connect.h, stage/login.h: what is a message and what is not, at every split and whatever follows, what is written, and mutations of all of it.
#include <algorithm>
#include <cstring>
#include <functional>
#include <memory>

#include "check.h"
#include "exactly.h"
#include "hello_bytes.h"
#include "stage/http_connect.h"
#include "stage/login.h"
#include "stage/socks5.h"

using namespace millrace;

namespace {

Bytes of(std::string_view text) { return Bytes(text.begin(), text.end()); }
Bytes of(std::span<const uint8_t> bytes) { return Bytes(bytes.begin(), bytes.end()); }
Bytes plus(Bytes a, const Bytes& b) {
  put(a, b);
  return a;
}

// What a reader says, made comparable: "more", "bad", or what has been understood and the bytes it took.
using Said = std::string;
using Reader = std::function<Said(std::span<const uint8_t>)>;

Said said(const Reader& reader, std::span<const uint8_t> head) { return exactly(head, reader); }

// `more` until one answer, which stays whatever follows.
Said atEverySplit(const Reader& reader, const Bytes& head) {
  Said answer = "more";
  for (size_t length = 0; length <= head.size(); ++length) {
    const Said now = said(reader, std::span(head).first(length));
    check(answer == "more" || now == answer, "an answer does not change when bytes are added");
    answer = now;
  }
  check(answer == "more" || said(reader, plus(head, of("GET / HTTP/1.1\r\n\r\n"))) == answer, "whatever follows");
  return answer;
}

std::vector<std::pair<const Reader*, Bytes>> corpus;

void expect(const Reader& reader, const Bytes& head, const Said& expected) {
  const Said answer = atEverySplit(reader, head);
  check(answer == expected, ("expected " + expected + ", not " + answer).c_str());
  corpus.emplace_back(&reader, head);
}

Said ended(SocksState state, size_t bytes, const std::string& what) { return state == SocksState::more ? "more" : state == SocksState::malformed ? "bad" : what + " " + std::to_string(bytes); }

std::string textOf(const PeerAddress& address) {
  std::string text = std::to_string(address.family);
  for (size_t i = 0; i < (address.family == 4 ? 4u : address.family == 6 ? 16u : 0u); ++i) text += "." + std::to_string(address.ip[i]);
  return text + ":" + std::to_string(address.portNumber());
}

std::string textOf(const std::optional<Destination>& destination) {
  if (!destination) return "nowhere";
  return destination->isName() ? std::string(destination->name()) + ":" + std::to_string(destination->port()) : textOf(destination->address());
}

const Reader greeting = [](auto from) {
  const SocksGreeting it = readSocksGreeting(from);
  return ended(it.state, it.bytes, std::string(it.noLogin ? "n" : "") + (it.login ? "l" : ""));
};
const Reader login = [](auto from) {
  const SocksLogin it = readSocksLogin(from);
  return ended(it.state, it.bytes, std::string(it.name) + "/" + std::string(it.password));
};
const Reader call = [](auto from) {
  const SocksCall it = readSocksCall(from);
  if (it.at.unknownType) return Said("bad type");
  return ended(it.state, it.bytes, std::to_string(it.code) + " " + textOf(it.at.destination()));
};
const Reader datagram = [](auto from) {
  const SocksDatagram it = readSocksDatagram(from);
  check(it.state != SocksState::more, "a datagram is whole");
  return ended(it.state, it.bytes, textOf(it.at.destination()));
};
const Reader method = [](auto from) {
  const SocksChoice it = readSocksMethod(from);
  return ended(it.state, 2, std::to_string(it.value));
};
const Reader loginAnswer = [](auto from) {
  const SocksChoice it = readSocksLoginAnswer(from);
  return ended(it.state, 2, std::to_string(it.value));
};
const Reader connectRequest = [](auto from) {
  const HttpConnect it = readHttpConnect(from);
  switch (it.state) {
    case HttpConnect::State::more: return Said("more");
    case HttpConnect::State::notHttp: return Said("not http");
    case HttpConnect::State::malformed: return Said("bad");
    case HttpConnect::State::otherMethod: return Said("other");
    case HttpConnect::State::whole: break;
  }
  return textOf(it.destination) + " " + std::string(it.credentials) + " " + std::to_string(it.bytes);
};
const Reader httpAnswer = [](auto from) {
  const HttpAnswer it = readHttpAnswer(from);
  if (it.state == HttpAnswer::State::more) return Said("more");
  return it.state == HttpAnswer::State::malformed ? Said("bad") : std::to_string(it.status) + " " + std::to_string(it.bytes);
};

void testSocks() {
  expect(greeting, {5, 1, 0}, "n 3");
  expect(greeting, {5, 2, 0, 2}, "nl 4");
  expect(greeting, {5, 3, 1, 2, 0x80}, "l 5");
  expect(greeting, {5, 1, 0xff}, " 3");
  expect(greeting, plus({5, 255}, Bytes(255, 2)), "l 257");
  expect(greeting, {5, 0}, "bad");
  for (const int version : {0, 1, 4, 6, 255, 0x16, 0x47}) expect(greeting, {uint8_t(version), 1, 0}, "bad");
  expect(greeting, {5, 3, 0, 2}, "more");

  expect(login, plus({1, 1, 'a', 1}, of("b")), "a/b 5");
  expect(login, {1, 1, 'a', 0}, "a/ 4");
  expect(login, plus(plus({1, 255}, Bytes(255, 'n')), plus({255}, Bytes(255, 'p'))), std::string(255, 'n') + "/" + std::string(255, 'p') + " 513");
  expect(login, {1, 0, 1, 'b'}, "bad");
  expect(login, {5, 1, 'a', 1, 'b'}, "bad");
  expect(login, {1, 2, 'a'}, "more");

  expect(call, {5, 1, 0, 1, 192, 0, 2, 1, 0, 80}, "1 4.192.0.2.1:80 10");
  expect(call, {5, 3, 0, 1, 0, 0, 0, 0, 0, 0}, "3 nowhere 10");
  expect(call, plus({5, 1, 0, 3, 9}, plus(of("a.Example"), {1, 187})), "1 a.example:443 16");
  expect(call, plus({5, 1, 0, 3, 9}, plus(of("192.0.2.1"), {1, 187})), "1 4.192.0.2.1:443 16");
  expect(call, plus({5, 1, 0, 3, 3}, plus(of("::1"), {0, 1})), "1 6.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.1:1 10");
  expect(call, plus({5, 1, 0, 4}, plus(Bytes(15), {1, 0, 1})), "1 6.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.1:1 22");
  expect(call, plus({5, 1, 0, 4}, plus(plus(Bytes(10), {0xff, 0xff}), {127, 0, 0, 1, 0, 1})), "1 4.127.0.0.1:1 22");
  expect(call, {5, 1, 0, 3, 0, 0, 80}, "bad");
  expect(call, {5, 1, 0, 2, 1, 2, 3, 4, 0, 80}, "bad type");
  expect(call, {5, 1, 1, 1, 192, 0, 2, 1, 0, 80}, "bad");
  expect(call, {4, 1, 0, 80, 192, 0, 2, 1, 0}, "bad");
  expect(call, plus({5, 1, 0, 3, 255}, plus(Bytes(255, 'x'), {0, 80})), "1 nowhere 262");  // no label is that long
  // What only inet_aton(3) takes for an address, and what is no name.
  for (const char* host : {"0x7f.1", "0x7f000001", "2130706433", "127.1", "0177.0.0.1", "127.0.0.1.", "127.0.0.01", "a.0x7f", "a.1", "::ffff:127.0.0.1%lo", "[::1]", "a b", "a..b", ".", "-", "127.0.0.1\n"}) {
    const std::string text = host;
    const bool name = text == "-";
    expect(call, plus({5, 1, 0, 3, uint8_t(text.size())}, plus(of(text), {0, 80})), name ? "1 -:80 8" : "1 nowhere " + std::to_string(7 + text.size()));
  }

  check(said(datagram, Bytes{0, 0, 0, 1, 192, 0, 2, 1, 0, 53, 1}) == "4.192.0.2.1:53 10", "the head of a datagram");
  for (const Bytes& wrong : {Bytes{}, Bytes{0, 0, 0}, Bytes{0, 0, 0, 1, 1, 2, 3, 4, 0}, Bytes{0, 0, 1, 1, 1, 2, 3, 4, 0, 53}, Bytes{0, 0, 0x80, 1, 1, 2, 3, 4, 0, 53}, Bytes{1, 0, 0, 1, 1, 2, 3, 4, 0, 53}, Bytes{0, 0, 0, 9, 1, 2, 3, 4, 0, 53}, Bytes{0, 0, 0, 3, 0, 0, 53}}) {
    check(said(datagram, wrong) == "bad", "no fragment, nothing reserved, and a whole address");
  }

  expect(method, {5, 0}, "0 2");
  expect(method, {5, 0xff}, "255 2");
  expect(method, {4, 0}, "bad");
  expect(loginAnswer, {1, 0}, "0 2");
  expect(loginAnswer, {1, 1}, "1 2");
  expect(loginAnswer, {5, 0}, "bad");
}

void testWriting() {
  SocksBuffer buffer;
  check(said(greeting, writeSocksGreeting(false, buffer)) == "n 3" && said(greeting, writeSocksGreeting(true, buffer)) == "nl 4", "a greeting");
  check(said(login, writeSocksLogin(std::string(255, 'n'), std::string(255, 'p'), buffer)) == std::string(255, 'n') + "/" + std::string(255, 'p') + " 513", "the longest login");
  check(said(method, writeSocksMethod(socks::noMethod, buffer)) == "255 2" && said(loginAnswer, writeSocksLoginAnswer(true, buffer)) == "0 2" && said(loginAnswer, writeSocksLoginAnswer(false, buffer)) == "1 2", "answers");
  check(of(writeSocksReply(socks::refused, {}, buffer)) == Bytes({5, 5, 0, 1, 0, 0, 0, 0, 0, 0}), "a reply without an address");
  std::string longest = std::string(63, 'a') + "." + std::string(63, 'b') + "." + std::string(63, 'c') + "." + std::string(61, 'd');
  for (const std::string& host : {std::string("192.0.2.1"), std::string("2001:db8::1"), std::string("a.example"), longest}) {
    const auto destination = Destination::of(host, 8443);
    check(destination.has_value(), host.c_str());
    check(said(call, writeSocksRequest(socks::connect, *destination, buffer)).starts_with("1 " + textOf(destination) + " "), "what is written is read as it was meant");
    const std::string request = writeHttpConnect(*destination, "YTpi");
    check(said(connectRequest, of(request)) == textOf(destination) + " YTpi " + std::to_string(request.size()), "and so by HTTP");
    if (destination->isName()) continue;
    check(said(call, writeSocksReply(socks::succeeded, destination->address(), buffer)).starts_with("0 " + textOf(destination) + " "), "a reply");
    check(said(datagram, writeSocksDatagramHeader(destination->address(), buffer)).starts_with(textOf(destination) + " "), "the head of a datagram");
  }
  check(!Destination::of("a.example", 0) && !Destination::of("", 80) && !Destination::of(PeerAddress{}) && !Destination::of(std::string(256, 'a'), 80), "nowhere");
  check(readPort("1") == 1 && readPort("65535") == 65535, "ports");
  for (const char* bad : {"", "0", "00", "080", "65536", "99999", "123456", "-1", "+1", " 1", "1 ", "0x50", "8o"}) check(readPort(bad) == 0, bad);
}

void testHttp() {
  const auto request = [](const std::string& line, const std::string& fields = "") { return of(line + "\r\n" + fields + "\r\n"); };
  expect(connectRequest, request("CONNECT a.example:443 HTTP/1.1"), "a.example:443  34");
  expect(connectRequest, request("CONNECT A.Example.:443 HTTP/1.0"), "a.example:443  35");
  expect(connectRequest, request("CONNECT [2001:db8::1]:8443 HTTP/1.1", "Host: [2001:DB8:0::1]:8443\r\n"), "6.32.1.13.184.0.0.0.0.0.0.0.0.0.0.0.1:8443  67");
  expect(connectRequest, request("CONNECT 192.0.2.1:443 HTTP/1.1", "Host: 192.0.2.1\r\nProxy-Connection: keep-alive\r\nUser-Agent: x\r\nproxy-authorization:  bAsIc  YTpi\r\n"), "4.192.0.2.1:443 YTpi 131");
  expect(connectRequest, request("CONNECT a:443 HTTP/1.1", "Proxy-Authorization: Bearer x\r\n"), "a:443  57");
  expect(connectRequest, request("CONNECT a:443 HTTP/1.1", "Host: a:443\r\nX: CONNECT b:1 HTTP/1.1\r\n"), "a:443  64");
  for (const char* line : {"CONNECT a.example HTTP/1.1", "CONNECT a.example: HTTP/1.1", "CONNECT a.example:0 HTTP/1.1", "CONNECT a.example:65536 HTTP/1.1", "CONNECT a.example:http HTTP/1.1", "CONNECT :443 HTTP/1.1",
                           "CONNECT ::1:443 HTTP/1.1", "CONNECT [::1] HTTP/1.1", "CONNECT [::1]443 HTTP/1.1", "CONNECT [::1:443 HTTP/1.1", "CONNECT [a]:443 HTTP/1.1", "CONNECT [127.0.0.1]:443 HTTP/1.1", "CONNECT [::1%25lo]:443 HTTP/1.1",
                           "CONNECT user@a:443 HTTP/1.1", "CONNECT http://a:443/ HTTP/1.1", "CONNECT a:443/ HTTP/1.1", "CONNECT / HTTP/1.1", "CONNECT * HTTP/1.1", "CONNECT 0x7f.1:443 HTTP/1.1", "CONNECT 2130706433:443 HTTP/1.1",
                           "CONNECT 127.1:443 HTTP/1.1", "CONNECT a:443:443 HTTP/1.1", "CONNECT a:0443 HTTP/1.1", "CONNECT a%2eb:443 HTTP/1.1"}) {
    expect(connectRequest, request(line), "bad");
  }
  for (const char* fields : {"Content-Length: 0\r\n", "Transfer-Encoding: chunked\r\n", "Host: b\r\n", "Host: a\r\nHost: a\r\n", "Host: a:80\r\n", "Host:\r\n", "Proxy-Authorization: Basic YTpi\r\nProxy-Authorization: Basic YTpi\r\n",
                             "Host : a\r\n", " folded\r\n", "X: y\n", "X: \r y\r\n", "no colon\r\n", ": x\r\n"}) {
    expect(connectRequest, request("CONNECT a:443 HTTP/1.1", fields), "bad");
  }
  expect(connectRequest, request("GET http://a/ HTTP/1.1"), "other");
  expect(connectRequest, request("connect a:443 HTTP/1.1"), "not http");
  expect(connectRequest, request("CONNECT  a:443 HTTP/1.1"), "not http");
  expect(connectRequest, request("CONNECT a:443 HTTP/2.0"), "not http");
  expect(connectRequest, {0x16, 3, 1, 2, 0}, "not http");
  expect(connectRequest, {5, 1, 0}, "not http");
  expect(connectRequest, of("CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n"), "more");

  expect(httpAnswer, of("HTTP/1.1 200 OK\r\n\r\n"), "200 19");
  expect(httpAnswer, of("HTTP/1.0 200 Connection established\r\nX: y\r\n\r\n"), "200 45");
  expect(httpAnswer, of("HTTP/1.1 200\r\n\r\n"), "200 16");
  expect(httpAnswer, of("HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic realm=\"x\"\r\nContent-Length: 4\r\n\r\n"), "407 102");
  for (const char* bad : {"HTTP/2 200\r\n\r\n", "HTTP/1.1  200 OK\r\n\r\n", "HTTP/1.1 20 OK\r\n\r\n", "HTTP/1.1 2000\r\n\r\n", "HTTP/1.1 099 x\r\n\r\n", "HTTP/1.1 200 OK\n\r\n", "HTTP/1.1 200 OK\r\r\n\r\n", "SSH-2.0-x\r\n", "HTTP/1.1 200 OK\r\n x\r\n\r\n"}) expect(httpAnswer, of(bad), "bad");
  expect(httpAnswer, of("HTTP/1.1 200 OK\r\nX: y\r\n"), "more");
  for (const unsigned status : {200u, 400u, 403u, 405u, 407u, 431u, 502u, 503u, 504u}) {
    const std::string_view answer = httpAnswerOf(status);
    check(said(httpAnswer, of(answer)) == std::to_string(status) + " " + std::to_string(answer.size()), "what is answered is read as it was meant");
  }
}

void testLogin() {
  const std::vector<Login> users = {{"a", "pw", "YTpwdw=="}, {"b", "other", "YjpvdGhlcg=="}, {"", "", ""}};
  check(findLogin(users, "a", "pw") == 0 && findLogin(users, "b", "other") == 1, "who is known");
  for (const auto& [name, password] : {std::pair("a", "other"), std::pair("b", "pw"), std::pair("a", "p"), std::pair("a", "pww"), std::pair("a", "pwpw"), std::pair("aa", "pw"), std::pair("A", "pw"), std::pair("", "pw"), std::pair("a", "")}) {
    check(findLogin(users, name, password) == users.size(), name);
  }
  check(findLogin(users, "YTpwdw==") == 0 && findLogin(users, "YTpwdw=") == users.size() && findLogin(users, "YTpwdw==YTpwdw==") == users.size(), "by what HTTP says");
}

void fuzz(Random& random, size_t rounds) {
  for (size_t round = 0; round < rounds; ++round) {
    auto [reader, head] = corpus[random.below(corpus.size())];
    for (size_t changes = random.below(4); changes > 0 && !head.empty(); --changes) {
      const size_t at = random.below(head.size());
      if (random.oneIn(4)) head.erase(head.begin() + long(at));
      else if (random.oneIn(3)) head.insert(head.begin() + long(at), uint8_t(random.bits()));
      else head[at] = uint8_t(random.bits());
    }
    if (reader == &datagram) {
      said(*reader, head);
      continue;
    }
    const Said whole = said(*reader, head), earlier = said(*reader, std::span(head).first(head.empty() ? 0 : random.below(head.size())));
    check(earlier == "more" || earlier == whole, "a mutation does not make it take back an answer");
  }
}

}  // namespace

void testProxies(uint64_t seed) {
  testSocks();
  testWriting();
  testHttp();
  testLogin();
  Random random(seed);
  fuzz(random, 300'000);
}
