// The matcher `postgres`: whether the head begins with the first message of a PostgreSQL client: StartupMessage of protocol 3, SSLRequest, GSSENCRequest or
// CancelRequest (PostgreSQL documentation, "Message Formats"). Decided by the first 8 bytes. Owns nothing.
#pragma once

#include "stage/matcher.h"

namespace millrace {

class PostgresMatcher final : public Matcher {
 public:
  Match match(const MatchInput& input) const override {
    const auto head = input.head;
    // No first message is longer than what the server takes.
    for (size_t i = 0; i < head.size() && i < 2; ++i) {
      if (head[i] != 0) return Match::no;
    }
    if (head.size() > 4 && head[4] != protocol3 >> 24 && head[4] != sslRequest >> 24) return Match::no;
    if (head.size() < 8) return input.cut();
    const uint32_t length = number(head), code = number(head.subspan(4));
    if (code == sslRequest || code == gssEncRequest) return length == 8 ? Match::yes : Match::no;
    if (code == cancelRequest) return length >= 16 && length <= longestCancel ? Match::yes : Match::no;
    return code >> 16 == protocol3 >> 16 && length > 8 && length <= longestStartup ? Match::yes : Match::no;
  }

 private:
  static constexpr uint32_t protocol3 = 3u << 16;
  static constexpr uint32_t cancelRequest = 1234u << 16 | 5678;
  static constexpr uint32_t sslRequest = 1234u << 16 | 5679;
  static constexpr uint32_t gssEncRequest = 1234u << 16 | 5680;
  static constexpr uint32_t longestStartup = 10'004;  // MAX_STARTUP_PACKET_LENGTH and the length itself
  static constexpr uint32_t longestCancel = 12 + 256;  // protocol 3.2 has keys of up to 256 bytes

  static uint32_t number(std::span<const uint8_t> at) { return uint32_t(at[0]) << 24 | uint32_t(at[1]) << 16 | uint32_t(at[2]) << 8 | at[3]; }
};

}  // namespace millrace
