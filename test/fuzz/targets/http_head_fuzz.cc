// The readers of a request line and of its host, and the matchers that ask them.
#include <string>

#include "properties.h"
#include "stage/http.h"
#include "stage/http_head.h"
#include "stage/http_host.h"
#include "stage/http_path.h"

using namespace millrace;

namespace {

struct Line {
  HttpState state;
  std::string method, target, path, authority;
  size_t bytes;
  bool operator==(const Line&) const = default;
};

struct Host {
  HttpState state;
  std::string name;
  bool operator==(const Host&) const = default;
};

NameSet names() {
  NameSet set;
  set.add("a.example");
  for (const char* address : {"192.0.2.1", "2001:db8::1"}) set.addAsIs(address);
  return set;
}

const HttpMatcher either(true, true), one(true, false), two(false, true);
const HttpHostMatcher forHost(names());
const HttpPathMatcher forPath({"/", "/api/*", "/one"});

constexpr size_t matcherCount = 5;
const Matcher* const matchers[matcherCount] = {&either, &one, &two, &forHost, &forPath};

bool among(std::initializer_list<std::string_view> list, std::string_view text) { return std::find(list.begin(), list.end(), text) != list.end(); }

/// What they all answer to one head; each waits for its own part of it.
struct Answers {
  Line line;
  Host host;
  Match matches[matcherCount];
};

Answers readHead(Input head) {
  const MatchInput input{fuzzPeer, head, false}, last{fuzzPeer, head, true};
  const HttpRequestLine& line = input.http.line(head);
  const HttpHost& host = input.http.host(head);
  hold(line.bytes <= head.size(), "a line is no longer than what is there");
  hold(host.state == line.state || line.state == HttpState::http1, "without a line there is no host");
  Answers answers{{line.state, std::string(line.method), std::string(line.target), std::string(line.path()), std::string(line.authority()), line.bytes}, {host.state, std::string(host.name)}, {}};
  for (size_t i = 0; i < matcherCount; ++i) {
    answers.matches[i] = matchers[i]->match(input);
    const bool waits = (matchers[i] == &forHost ? host.state : line.state) == HttpState::more;
    hold((answers.matches[i] == Match::more) == waits, "a matcher waits as long as its reader does");
    hold(matchers[i]->match(last) == (waits ? Match::no : answers.matches[i]), "what is not decided at the end is no");
  }
  return answers;
}

void lineHolds(Input input, const Line& line) {
  if (line.state != HttpState::http1) {
    hold(line.method.empty() && line.target.empty() && line.bytes == 0, "nothing is told of a line that is none");
    return;
  }
  const std::string_view text = textOf(input).substr(0, line.bytes);
  hold(text.ends_with("\r\n") && text.find_first_of("\r\n") == text.size() - 2, "a line has one end, and that is where it ends");
  hold(text.substr(0, text.size() - 3) == line.method + " " + line.target + " HTTP/1.", "a line is a method, a target and a version");
  hold(!line.method.empty() && !line.target.empty() && line.method.size() <= 32, "neither is empty");
  hold(line.path.empty() || line.path == "/" || line.target.find(line.path) != std::string::npos, "the path is a part of the target");
  hold(line.path.find('?') == std::string::npos && (line.path.empty() || line.path[0] == '/'), "and without a query");
  hold(line.target.find(line.authority) != std::string::npos, "so is the authority");
}

/// How many fields named Host there are before the empty line, each of which is a name, a colon and a value without a control character.
size_t hostsAmong(std::string_view fields) {
  size_t hosts = 0;
  for (size_t end = fields.find("\r\n"); end != 0; end = fields.find("\r\n")) {
    hold(end != std::string_view::npos, "fields end with an empty line");
    const std::string_view field = fields.substr(0, end);
    const size_t colon = field.find(':');
    hold(colon != std::string_view::npos && colon > 0 && field.find_first_of(" \t") > colon, "a field is a name and, after a colon, its value");
    hold(std::none_of(field.begin(), field.end(), [](char c) { return (uint8_t(c) < 0x20 && c != '\t') || c == 0x7f; }), "and nothing that another reader would take for an end");
    std::string name(field.substr(0, colon));
    for (char& c : name) c = c >= 'A' && c <= 'Z' ? char(c + 32) : c;
    hosts += name == "host";
    fields.remove_prefix(end + 2);
  }
  return hosts;
}

void hostHolds(const Host& host, const Line& line, std::string_view fields) {
  if (host.name.empty()) return;
  hold(host.state == HttpState::http1, "only a head that is whole has a host");
  hold(line.authority.empty() ? hostsAmong(fields) == 1 : hostsAmong(fields) <= 1, "nobody reads another of two hosts");
  char buffer[256];
  std::string name = host.name;
  const std::string_view address = formatIp(name, buffer);
  hold(address.empty() ? normalizeHostName(name) == name.size() && name == host.name : address == name, "a host is in its usual form");
}

}  // namespace

void fuzz(Input input) {
  // The line is decided before the host is.
  const auto [line, host, matches] = atEveryCut(input, readHead, [](const Answers& before, const Answers& now) {
    return (before.line.state == HttpState::more || now.line == before.line) && (before.host.state == HttpState::more || now.host == before.host);
  });
  lineHolds(input, line);
  hostHolds(host, line, textOf(input).substr(line.bytes));
  const bool isOne = line.state == HttpState::http1, isTwo = line.state == HttpState::http2;
  const bool expected[] = {isOne || isTwo, isOne, isTwo};
  for (size_t i = 0; i < 3; ++i) hold((matches[i] == Match::yes) == expected[i], "http asks for the version");
  hold((matches[3] == Match::yes) == among({"a.example", "192.0.2.1", "2001:db8::1"}, host.name), "httpHost asks for the host");
  hold((matches[4] == Match::yes) == (line.path.starts_with("/api/") || among({"/", "/one"}, line.path)), "httpPath asks for the path");
}
