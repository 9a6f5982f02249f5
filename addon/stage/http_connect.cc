#include "stage/http_connect.h"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>

#include "stage/http_head.h"

namespace millrace {
namespace {

using State = HttpConnect::State;

std::string_view textOf(std::span<const uint8_t> bytes) { return {reinterpret_cast<const char*>(bytes.data()), bytes.size()}; }

struct Authority {
  std::string_view host, port;  // the host without brackets
  bool hasPort = false;
};

std::optional<Authority> readAuthority(std::string_view text) {
  const bool bracketed = text.starts_with('[');
  const size_t end = bracketed ? text.find(']') : text.find(':');
  if (bracketed && end == std::string_view::npos) return std::nullopt;
  Authority it;
  it.host = bracketed ? text.substr(1, end - 1) : text.substr(0, end);
  if (bracketed != (it.host.find(':') != std::string_view::npos)) return std::nullopt;
  const std::string_view rest = end == std::string_view::npos ? std::string_view() : text.substr(end + (bracketed ? 1 : 0));
  if (rest.empty()) return it;
  if (rest[0] != ':') return std::nullopt;
  it.hasPort = true;
  it.port = rest.substr(1);
  return it;
}

/// Whether a Host names what the request target does, which stands for both; its port may be missing.
bool agrees(std::string_view field, const Destination& destination) {
  const auto at = readAuthority(field);
  if (!at) return false;
  const auto named = Destination::of(at->host, at->hasPort ? readPort(at->port) : destination.port());
  return named && *named == destination;
}

/// What follows the scheme of credentials, where that is `Basic`.
std::string_view basicOf(std::string_view value) {
  constexpr std::string_view scheme = "basic";
  if (value.size() <= scheme.size() || value[scheme.size()] != ' ') return {};
  if (!std::equal(scheme.begin(), scheme.end(), value.begin(), [](char a, char b) { return a == (b >= 'A' && b <= 'Z' ? b - 'A' + 'a' : b); })) return {};
  const size_t begins = value.find_first_not_of(' ', scheme.size());
  return begins == std::string_view::npos ? std::string_view() : value.substr(begins);
}

State stateOf(HttpState state) { return state == HttpState::more ? State::more : state == HttpState::malformed ? State::malformed : State::notHttp; }

bool isDigit(char c) { return c >= '0' && c <= '9'; }

}  // namespace

HttpConnect readHttpConnect(std::span<const uint8_t> head) {
  const HttpRequestLine line = readHttpRequestLine(head);
  if (line.state != HttpState::http1) return {stateOf(line.state)};
  if (line.method != "CONNECT") return {State::otherMethod};
  const auto authority = readAuthority(line.target);
  if (!authority) return {State::malformed};
  HttpConnect it{State::whole, line.bytes, Destination::of(authority->host, readPort(authority->port))};
  if (!it.destination) return {State::malformed};
  bool hasHost = false, hasCredentials = false;
  for (;;) {
    const HttpField field = readHttpField(textOf(head.subspan(it.bytes)));
    if (field.state != HttpState::http1) return {stateOf(field.state)};
    it.bytes += field.bytes;
    if (field.name.empty()) return it;
    if (field.isNamed("content-length") || field.isNamed("transfer-encoding")) return {State::malformed};
    if (field.isNamed("host")) {
      if (hasHost || !agrees(field.value, *it.destination)) return {State::malformed};
      hasHost = true;
    } else if (field.isNamed("proxy-authorization")) {
      if (hasCredentials) return {State::malformed};
      hasCredentials = true;
      it.credentials = basicOf(field.value);
    }
  }
}

HttpAnswer readHttpAnswer(std::span<const uint8_t> head) {
  constexpr std::string_view begins = "HTTP/1.";
  constexpr size_t codeAt = begins.size() + 2;  // a digit and a space
  const std::string_view text = textOf(head);
  const size_t there = std::min(text.size(), begins.size());
  if (text.substr(0, there) != begins.substr(0, there)) return {HttpAnswer::State::malformed};
  if (there < begins.size()) return {HttpAnswer::State::more};
  HttpAnswer it{HttpAnswer::State::whole};
  for (size_t i = begins.size(); i < codeAt + 3; ++i) {
    if (i == text.size()) return {HttpAnswer::State::more};
    if (i == codeAt - 1 ? text[i] != ' ' : !isDigit(text[i])) return {HttpAnswer::State::malformed};
    if (i >= codeAt) it.status = it.status * 10 + unsigned(text[i] - '0');
  }
  if (it.status < 100) return {HttpAnswer::State::malformed};
  // The reason is read like a field's value: it ends where the line does.
  size_t at = codeAt + 3;
  if (at < text.size() && text[at] != ' ' && text[at] != '\r') return {HttpAnswer::State::malformed};
  while (at < text.size() && text[at] != '\r') {
    if (text[at] == '\n' || text[at] == '\0') return {HttpAnswer::State::malformed};
    ++at;
  }
  if (at + 1 >= text.size()) return {HttpAnswer::State::more};
  if (text[at + 1] != '\n') return {HttpAnswer::State::malformed};
  it.bytes = at + 2;
  for (;;) {
    const HttpField field = readHttpField(text.substr(it.bytes));
    if (field.state == HttpState::more) return {HttpAnswer::State::more};
    if (field.state != HttpState::http1) return {HttpAnswer::State::malformed};
    it.bytes += field.bytes;
    if (field.name.empty()) return it;
  }
}

std::string writeHttpConnect(const Destination& destination, std::string_view credentials) {
  std::string authority(destination.name());
  if (!destination.isName()) {
    char text[INET6_ADDRSTRLEN];
    const bool six = destination.address().family == 6;
    ::inet_ntop(six ? AF_INET6 : AF_INET, destination.address().ip, text, sizeof text);
    authority = six ? "[" + std::string(text) + "]" : text;
  }
  authority += ":" + std::to_string(destination.port());
  std::string request = "CONNECT " + authority + " HTTP/1.1\r\nHost: " + authority + "\r\n";
  if (!credentials.empty()) request.append("Proxy-Authorization: Basic ").append(credentials).append("\r\n");
  return request + "\r\n";
}

std::string_view httpAnswerOf(unsigned status) {
  switch (status) {
    case 200: return "HTTP/1.1 200 Connection established\r\n\r\n";
    case 400: return "HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
    case 403: return "HTTP/1.1 403 Forbidden\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
    case 405: return "HTTP/1.1 405 Method Not Allowed\r\nAllow: CONNECT\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
    case 407:
      return "HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic realm=\"proxy\", charset=\"UTF-8\"\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
    case 431: return "HTTP/1.1 431 Request Header Fields Too Large\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
    case 502: return "HTTP/1.1 502 Bad Gateway\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
    case 504: return "HTTP/1.1 504 Gateway Timeout\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
    default: return "HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
  }
}

}  // namespace millrace
