// Reads the beginning of an HTTP request (RFC 9112 sections 2 to 5, and 3.2 for what it asks for). Pure, any thread: called with the whole head from its start, as
// often as it grows. What two readers could understand differently is malformed: a bare CR or LF at the end of a line, a folded line, space before a colon, two
// Hosts. The preface of HTTP/2 (RFC 9113 section 3.4) is recognised; what follows it is not read.
// Invariant: an answer other than `more` does not change when bytes are added.
#pragma once

#include <optional>
#include <span>
#include <string_view>

namespace millrace {

enum class HttpState : uint8_t { more, notHttp, malformed, http1, http2 };

struct HttpRequestLine {
  HttpState state;  // http1: the line is whole
  std::string_view method = {}, target = {};
  size_t bytes = 0;  // of the line, with its end

  /// The path of the target: up to a question mark, "/" where an absolute target has none; empty where it has no path (`*`, CONNECT).
  std::string_view path() const;
  /// Whether the target is one of the four forms of RFC 9112 section 3.2.
  bool isKnownForm() const;
  /// The authority that the target names, without a user; empty where it has none.
  std::string_view authority() const;
};

struct HttpHost {
  HttpState state;        // http1: all fields are there
  std::string_view name = {};  // lower-case, without port and trailing dot, in the caller's buffer; an IPv6 address without brackets, in its usual form; empty: none
};

/// A header field (RFC 9112 section 5); one without a name is the empty line that ends them all.
struct HttpField {
  HttpState state;  // http1: it is whole
  std::string_view name = {}, value = {};
  size_t bytes = 0;

  bool isNamed(std::string_view lowerCase) const;
};

/// The field at the beginning of `text`.
HttpField readHttpField(std::string_view text);

/// An IP address in the form that HttpHost gives it, in `buffer`; empty: it is none.
std::string_view formatIp(std::string_view text, std::span<char, 256> buffer);

HttpRequestLine readHttpRequestLine(std::span<const uint8_t> head);
HttpHost readHttpHost(std::span<const uint8_t> head, std::span<char, 256> nameBuffer);

// Reads a head once, however many matchers ask for it.
class HttpMemo {
 public:
  HttpMemo() {}  // its buffer is not worth clearing
  HttpMemo(const HttpMemo&) = delete;
  HttpMemo& operator=(const HttpMemo&) = delete;

  const HttpRequestLine& line(std::span<const uint8_t> head) {
    if (!line_) line_ = readHttpRequestLine(head);
    return *line_;
  }
  const HttpHost& host(std::span<const uint8_t> head) {
    if (!host_) host_ = readHttpHost(head, buffer_);
    return *host_;
  }

 private:
  std::optional<HttpRequestLine> line_;
  std::optional<HttpHost> host_;
  char buffer_[256];
};

}  // namespace millrace
