// The matcher `mqtt`: whether the head begins with a CONNECT packet of MQTT 3.1, 3.1.1 or 5 (OASIS MQTT 5.0 section 3.1). Decided by the protocol's name and
// level, within the first 14 bytes. Owns nothing.
#pragma once

#include <string_view>

#include "stage/matcher.h"

namespace millrace {

class MqttMatcher final : public Matcher {
 public:
  Match match(const MatchInput& input) const override {
    const auto head = input.head;
    if (head.empty()) return input.cut();
    if (head[0] != connectPacket) return Match::no;
    // Remaining length: 1 to 4 bytes of 7 bits, the lowest first; all but the last have the highest bit set.
    size_t at = 1, left = 0;
    for (;; ++at) {
      if (at > 4) return Match::no;
      if (at == head.size()) return input.cut();
      left |= size_t(head[at] & 0x7f) << (7 * (at - 1));
      if (!(head[at] & 0x80)) break;
    }
    ++at;
    const Match now = named(head.subspan(at), "\0\4MQTT", 4, 5, left);
    const Match before = named(head.subspan(at), "\0\6MQIsdp", 3, 3, left);
    if (now == Match::yes || before == Match::yes) return Match::yes;
    return now == Match::more || before == Match::more ? input.cut() : Match::no;
  }

 private:
  static constexpr uint8_t connectPacket = 0x10;
  static constexpr uint8_t bridge = 0x80;         // on the levels 3 and 4, as Mosquitto has it
  static constexpr size_t afterLevel = 1 + 2 + 2;  // flags, keep alive, and the length of the client's name

  template <size_t n>
  static Match named(std::span<const uint8_t> at, const char (&name)[n], uint8_t leastLevel, uint8_t mostLevel, size_t left) {
    constexpr size_t length = n - 1;
    if (left < length + 1 + afterLevel) return Match::no;
    for (size_t i = 0; i < length; ++i) {
      if (i == at.size()) return Match::more;
      if (at[i] != uint8_t(name[i])) return Match::no;
    }
    if (at.size() == length) return Match::more;
    const uint8_t level = at[length] & ~(at[length] <= (bridge | 4) ? bridge : 0);
    return level >= leastLevel && level <= mostLevel ? Match::yes : Match::no;
  }
};

}  // namespace millrace
