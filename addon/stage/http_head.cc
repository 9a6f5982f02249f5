#include "stage/http_head.h"

#include <arpa/inet.h>

#include <algorithm>

#include "stage/client_hello.h"

namespace millrace {
namespace {

constexpr std::string_view preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
constexpr size_t longestMethod = 32;

bool isMethodByte(char c) { return (c >= 'A' && c <= 'Z') || c == '-' || c == '_'; }
/// Raw UTF-8 too, which browsers encode and others do not.
bool isTargetByte(char c) { return uint8_t(c) > 0x20 && c != 0x7f; }

/// RFC 9110 section 5.6.2.
bool isTokenByte(char c) {
  if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9')) return true;
  switch (c) {
    case '!': case '#': case '$': case '%': case '&': case '\'': case '*': case '+': case '-': case '.': case '^': case '_': case '`': case '|': case '~': return true;
    default: return false;
  }
}

bool isFieldByte(char c) { return c == '\t' || (uint8_t(c) >= 0x20 && c != 0x7f); }

char lower(char c) { return c >= 'A' && c <= 'Z' ? char(c - 'A' + 'a') : c; }

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

/// How far `text` is that version: "HTTP/1." and a digit, CR, LF.
HttpState readVersion(std::string_view text, size_t& bytes) {
  constexpr std::string_view begins = "HTTP/1.";
  const size_t there = std::min(begins.size(), text.size());
  if (text.substr(0, there) != begins.substr(0, there)) return HttpState::notHttp;
  bytes = begins.size() + 3;
  for (size_t i = begins.size(); i < text.size() && i < bytes; ++i) {
    const bool fits = i == begins.size() ? text[i] >= '0' && text[i] <= '9' : text[i] == (i == bytes - 2 ? '\r' : '\n');
    if (!fits) return HttpState::notHttp;
  }
  return text.size() < bytes ? HttpState::more : HttpState::http1;
}

bool isLetter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

/// The scheme that an absolute target begins with (RFC 3986 section 3.1), without its "://"; 0: it is none.
size_t schemeBytes(std::string_view target) {
  const size_t end = target.find("://");
  if (end == std::string_view::npos || end == 0 || !isLetter(target[0])) return 0;
  const auto fits = [](char c) { return isLetter(c) || (c >= '0' && c <= '9') || c == '+' || c == '-' || c == '.'; };
  return std::all_of(target.begin(), target.begin() + ptrdiff_t(end), fits) ? end : 0;
}

bool isPort(std::string_view text) { return text.size() <= 5 && std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; }); }

/// The host of `authority` in its usual form; false where it is none.
bool readAuthority(std::string_view authority, std::span<char, 256> buffer, std::string_view& name) {
  if (authority.starts_with('[')) {
    const size_t end = authority.find(']');
    if (end == std::string_view::npos) return false;
    const std::string_view port = authority.substr(end + 1);
    if (!port.empty() && (port[0] != ':' || !isPort(port.substr(1)))) return false;
    const std::string_view address = authority.substr(1, end - 1);
    name = address.find(':') == std::string_view::npos ? std::string_view() : formatIp(address, buffer);
    return !name.empty();
  }
  const size_t colon = authority.find(':');
  const std::string_view host = authority.substr(0, colon);
  if (colon != std::string_view::npos && !isPort(authority.substr(colon + 1))) return false;
  if (host.empty() || host.size() >= buffer.size()) return false;
  name = formatIp(host, buffer);
  if (!name.empty()) return true;
  std::copy(host.begin(), host.end(), buffer.begin());
  name = {buffer.data(), normalizeHostName(buffer.first(host.size()))};
  return !name.empty();
}

}  // namespace

HttpField readHttpField(std::string_view text) {
  size_t at = 0;
  while (at < text.size() && isTokenByte(text[at])) ++at;
  const std::string_view name = text.substr(0, at);
  const bool last = at == 0 && !text.empty() && text[0] == '\r';
  if (!last) {
    if (at == text.size()) return {HttpState::more};
    if (at == 0 || text[at] != ':') return {HttpState::malformed};
    ++at;
  }
  const size_t begins = at;
  while (at < text.size() && isFieldByte(text[at])) ++at;
  if (at == text.size()) return {HttpState::more};
  if (text[at] != '\r') return {HttpState::malformed};
  if (at + 1 == text.size()) return {HttpState::more};
  if (text[at + 1] != '\n') return {HttpState::malformed};
  return {HttpState::http1, name, trimmed(text.substr(begins, at - begins)), at + 2};
}

bool HttpField::isNamed(std::string_view lowerCase) const {
  return name.size() == lowerCase.size() && std::equal(name.begin(), name.end(), lowerCase.begin(), [](char a, char b) { return lower(a) == b; });
}

std::string_view formatIp(std::string_view text, std::span<char, 256> buffer) {
  char copy[INET6_ADDRSTRLEN];
  if (text.size() >= sizeof copy || text.find('\0') != std::string_view::npos) return {};
  copy[text.copy(copy, text.size())] = 0;
  in6_addr six;
  in_addr four;
  const bool isSix = ::inet_pton(AF_INET6, copy, &six) == 1;
  if (!isSix && ::inet_pton(AF_INET, copy, &four) != 1) return {};
  const bool mapped = isSix && IN6_IS_ADDR_V4MAPPED(&six);
  const void* ip = mapped ? static_cast<const void*>(six.s6_addr + 12) : isSix ? static_cast<const void*>(&six) : &four;
  ::inet_ntop(isSix && !mapped ? AF_INET6 : AF_INET, ip, buffer.data(), socklen_t(buffer.size()));
  return buffer.data();
}

bool HttpRequestLine::isKnownForm() const { return target.starts_with('/') || target == "*" || method == "CONNECT" || schemeBytes(target) > 0; }

std::string_view HttpRequestLine::authority() const {
  if (method == "CONNECT") return target;
  const size_t scheme = schemeBytes(target);
  if (scheme == 0) return {};
  const std::string_view rest = target.substr(scheme + 3);
  return rest.substr(0, rest.find_first_of("/?"));
}

std::string_view HttpRequestLine::path() const {
  if (method == "CONNECT") return {};
  if (target.starts_with('/')) return target.substr(0, target.find('?'));
  const std::string_view from = authority();
  if (from.empty()) return {};
  const std::string_view rest = target.substr(size_t(from.data() - target.data()) + from.size());
  return rest.starts_with('/') ? rest.substr(0, rest.find('?')) : "/";
}

HttpRequestLine readHttpRequestLine(std::span<const uint8_t> head) {
  const std::string_view text(reinterpret_cast<const char*>(head.data()), head.size());
  const size_t common = std::min(preface.size(), text.size());
  if (text.substr(0, common) == preface.substr(0, common)) return {common == preface.size() ? HttpState::http2 : HttpState::more};
  size_t at = 0;
  while (at < text.size() && at <= longestMethod && isMethodByte(text[at])) ++at;
  if (at == text.size()) return {HttpState::more};
  if (at == 0 || at > longestMethod || text[at] != ' ') return {HttpState::notHttp};
  const std::string_view method = text.substr(0, at);
  const size_t begins = ++at;
  while (at < text.size() && isTargetByte(text[at])) ++at;
  if (at == text.size()) return {HttpState::more};
  if (at == begins || text[at] != ' ') return {HttpState::notHttp};
  const std::string_view target = text.substr(begins, at - begins);
  size_t version = 0;
  const HttpState state = readVersion(text.substr(at + 1), version);
  if (state != HttpState::http1) return {state};
  return {state, method, target, at + 1 + version};
}

HttpHost readHttpHost(std::span<const uint8_t> head, std::span<char, 256> nameBuffer) {
  const HttpRequestLine line = readHttpRequestLine(head);
  if (line.state != HttpState::http1) return {line.state, {}};
  std::string_view rest(reinterpret_cast<const char*>(head.data()) + line.bytes, head.size() - line.bytes);
  std::string_view host;
  bool seen = false;
  for (;;) {
    const HttpField field = readHttpField(rest);
    if (field.state != HttpState::http1) return {field.state, {}};
    rest.remove_prefix(field.bytes);
    if (field.name.empty()) break;
    if (!field.isNamed("host")) continue;
    if (seen) return {HttpState::malformed, {}};
    seen = true;
    host = field.value;
  }
  if (!line.isKnownForm()) return {HttpState::malformed, {}};
  const std::string_view named = line.authority();
  std::string_view name;
  if (!named.empty()) {
    // It stands above the field (RFC 9112 section 3.2.2), but not everybody knows that: where they differ, two readers would understand two things.
    char buffer[256];
    std::string_view field;
    if (!readAuthority(named, nameBuffer, name)) return {HttpState::malformed, {}};
    if (seen && !(readAuthority(host, buffer, field) && field == name)) return {HttpState::malformed, {}};
    return {HttpState::http1, name};
  }
  if (host.empty()) return {HttpState::http1, {}};
  if (!readAuthority(host, nameBuffer, name)) return {HttpState::malformed, {}};
  return {HttpState::http1, name};
}

}  // namespace millrace
