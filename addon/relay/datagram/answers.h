// Answers: what a sink without flows answers to what has just been received (internal). Owns the bytes; the names are the receiver's, so they
// leave before it receives again. One loop's thread only.
#pragma once
#include <array>
#include <cstdint>

#include "core/datagram_receiver.h"
#include "stage/stun.h"

namespace millrace {

struct Answers {
  static constexpr size_t most = DatagramReceiver::most;

  struct Answer {
    const Received* to;
    uint32_t length;
  };

  size_t count = 0;
  std::array<Answer, most> list{};
  std::array<std::array<uint8_t, stunAnswerBytes>, most> bytes{};
};

}  // namespace millrace
