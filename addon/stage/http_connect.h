// CONNECT of HTTP/1 (RFC 9110 section 9.3.6, RFC 9112 section 3.2.3), both sides of it (internal). Pure, any thread: readers are called with all bytes that are there, as
// often as they grow. The head has the rules of http_head.h, and what would make a second message of what follows it is malformed: Content-Length, Transfer-Encoding. So
// is a Host that is another than that of the request target, and two of what there can be one of.
// Invariant: an answer other than `more` does not change when bytes are added, and what is behind the blank line is not looked at.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "stage/destination.h"

namespace millrace {

struct HttpConnect {
  enum class State : uint8_t { more, notHttp, malformed, otherMethod, whole };
  State state;
  size_t bytes = 0;                   // with the blank line
  std::optional<Destination> destination = {};
  std::string_view credentials = {};  // base64, of `Proxy-Authorization: Basic`; empty: none
};

struct HttpAnswer {
  enum class State : uint8_t { more, malformed, whole };
  State state;
  size_t bytes = 0;     // with the blank line
  unsigned status = 0;  // 100 to 999
};

HttpConnect readHttpConnect(std::span<const uint8_t> head);
HttpAnswer readHttpAnswer(std::span<const uint8_t> head);

/// `credentials` as above.
std::string writeHttpConnect(const Destination& destination, std::string_view credentials);
/// The whole answer with this status: 200, or a refusal after which the connection is closed.
std::string_view httpAnswerOf(unsigned status);

}  // namespace millrace
