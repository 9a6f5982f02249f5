#include "stage/dns.h"

namespace millrace {
namespace {

constexpr size_t headerBytes = 12;
constexpr size_t longestName = 255;
constexpr size_t shortestQuery = headerBytes + 1 + 4;

/// What the header may be, byte by byte: a query with one question, no answers, at most one authority, and at most two additional records (OPT, and TSIG or SIG(0)).
bool headerFits(std::span<const uint8_t> message) {
  for (size_t i = 2; i < message.size() && i < headerBytes; ++i) {
    const uint8_t byte = message[i];
    switch (i) {
      case 2: if (byte & 0xf8) return false; break;  // a response, or another opcode
      case 3: if (byte & 0x0f) return false; break;  // a response code
      case 5: if (byte != 1) return false; break;
      case 9: if (byte > 1) return false; break;  // IXFR has a SOA there (RFC 1995 section 3)
      case 11: if (byte > 2) return false; break;
      default: if (byte != 0) return false;
    }
  }
  return true;
}

/// `message`: as much as there is of one that has `length` bytes.
Match ofMessage(std::span<const uint8_t> message, size_t length) {
  if (!headerFits(message)) return Match::no;
  size_t at = headerBytes;
  for (;;) {
    if (at >= length || at - headerBytes >= longestName) return Match::no;
    if (at >= message.size()) return Match::more;
    const size_t label = message[at];
    if (label > 63) return Match::no;
    at += 1 + label;
    if (label == 0) break;
  }
  if (at + 4 > length) return Match::no;
  if (at + 4 > message.size()) return Match::more;
  const unsigned klass = unsigned(message[at + 2]) << 8 | message[at + 3];
  // IN, CH, HS, NONE and ANY (RFC 6895 section 3.2); the highest bit asks for an answer to one alone (RFC 6762 section 5.4).
  switch (klass & 0x7fff) {
    case 1: case 3: case 4: case 254: case 255: return Match::yes;
    default: return Match::no;
  }
}

}  // namespace

Match DnsMatcher::match(const MatchInput& input) const {
  if (input.datagram) return ofMessage(input.head, input.head.size());
  const auto head = input.head;
  if (head.size() < 2) return input.cut();
  const size_t length = size_t(head[0]) << 8 | head[1];
  if (length < shortestQuery) return Match::no;
  const Match answer = ofMessage(head.subspan(2, std::min(head.size() - 2, length)), length);
  return answer == Match::more ? input.cut() : answer;
}

}  // namespace millrace
