// The readers of CONNECT and of the answer to it, and what the writer makes of what was asked for.
#include <string>

#include "properties.h"
#include "stage/http_connect.h"
#include "stage/http_head.h"

using namespace millrace;

namespace {

struct Request {
  HttpConnect::State state;
  size_t bytes;
  std::optional<Destination> destination;
  std::string credentials;
  bool operator==(const Request&) const = default;
};

struct Answer {
  HttpAnswer::State state;
  size_t bytes;
  unsigned status;
  bool operator==(const Answer&) const = default;
};

Request readRequest(Input head) {
  const HttpConnect it = readHttpConnect(head);
  hold(it.bytes <= head.size() && (it.bytes > 0) == (it.state == HttpConnect::State::whole), "a request has a length where it is whole");
  hold(it.destination.has_value() == (it.state == HttpConnect::State::whole), "and a destination");
  return {it.state, it.bytes, it.destination, std::string(it.credentials)};
}

Answer readAnswer(Input head) {
  const HttpAnswer it = readHttpAnswer(head);
  const bool whole = it.state == HttpAnswer::State::whole;
  hold(it.bytes <= head.size() && (it.bytes > 0) == whole, "an answer has a length where it is whole");
  hold(!whole || (it.status >= 100 && it.status <= 999), "and a status of three digits");
  return {it.state, whole ? it.bytes : 0, whole ? it.status : 0};
}

void requestHolds(Input input, const Request& request) {
  if (request.state != HttpConnect::State::whole) return;
  const std::string_view text = textOf(input.first(request.bytes));
  hold(text.starts_with("CONNECT ") && text.ends_with("\r\n\r\n") && text.find("\r\n\r\n") == text.size() - 4, "a request ends with its first blank line");
  for (size_t at = 0; (at = text.find('\n', at)) != std::string_view::npos; ++at) hold(text[at - 1] == '\r', "and no line of it otherwise");
  hold(text.find(request.credentials) != std::string_view::npos, "credentials stand in it");
  const std::string written = writeHttpConnect(*request.destination, request.credentials);
  const Request again = readRequest({reinterpret_cast<const uint8_t*>(written.data()), written.size()});
  hold(again.state == HttpConnect::State::whole && again.bytes == written.size() && again.destination == request.destination && again.credentials == request.credentials, "what is written is read as it was meant");
}

}  // namespace

void fuzz(Input input) {
  requestHolds(input, atEveryCut(input, readRequest, untilDecided<HttpConnect::State::more>));
  const Answer answer = atEveryCut(input, readAnswer, untilDecided<HttpAnswer::State::more>);
  if (answer.state == HttpAnswer::State::whole) hold(textOf(input.first(answer.bytes)).ends_with("\r\n\r\n") || textOf(input.first(answer.bytes)).ends_with("\r\n"), "an answer ends with a line");
}
