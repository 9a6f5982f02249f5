#include "stage/quic.h"

#include <algorithm>
#include <optional>

namespace millrace {
namespace {

constexpr size_t shortestDatagram = 1200;
constexpr size_t longestId = 20;
constexpr size_t shortestRest = 4 + 16;  // a packet number as long as it can be and the bytes that its protection samples (RFC 9001 section 5.4.2)
constexpr uint32_t version1 = 1, version2 = 0x6b3343cf;

/// Reads on from a place within the bytes; nothing where they do not reach.
struct Reader {
  std::span<const uint8_t> bytes;

  bool skip(uint64_t count) {
    if (count > bytes.size()) return false;
    bytes = bytes.subspan(count);
    return true;
  }
  bool skipId() { return !bytes.empty() && bytes[0] <= longestId && skip(1 + size_t{bytes[0]}); }

  /// A variable-length integer (RFC 9000 section 16).
  std::optional<uint64_t> number() {
    if (bytes.empty()) return std::nullopt;
    const size_t length = size_t{1} << (bytes[0] >> 6);
    if (bytes.size() < length) return std::nullopt;
    uint64_t value = bytes[0] & 0x3f;
    for (size_t i = 1; i < length; ++i) value = value << 8 | bytes[i];
    bytes = bytes.subspan(length);
    return value;
  }
};

}  // namespace

// To a reserved version (RFC 9000 section 15) a server answers with those that it has, as to any that it does not know.
bool QuicMatcher::knows(uint32_t version) const {
  return (version & 0x0f0f0f0f) == 0x0a0a0a0a || std::find(versions_.begin(), versions_.end(), version) != versions_.end();
}

Match QuicMatcher::match(const MatchInput& input) const {
  const auto head = input.head;
  if (!input.datagram || head.size() < shortestDatagram || !(head[0] & 0x80)) return Match::no;
  const uint32_t version = uint32_t(head[1]) << 24 | uint32_t(head[2]) << 16 | uint32_t(head[3]) << 8 | head[4];
  Reader rest{head.subspan(5)};
  if (!knows(version) || !rest.skipId() || !rest.skipId()) return Match::no;
  const bool fixedBit = head[0] & 0x40;
  if (version != version1 && version != version2) return fixedBit ? Match::yes : Match::no;
  if ((head[0] >> 4 & 3) != (version == version1 ? 0 : 1)) return Match::no;  // another type of packet
  const auto token = rest.number();
  if (!token || !rest.skip(*token)) return Match::no;
  if (!fixedBit && *token == 0) return Match::no;  // only who has a token may know that the server does without the bit (RFC 9287 section 3.1)
  const auto length = rest.number();
  return length && *length >= shortestRest && *length <= rest.bytes.size() ? Match::yes : Match::no;
}

}  // namespace millrace
