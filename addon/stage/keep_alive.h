// The stage `keepAlive`: TCP keepalive and TCP_USER_TIMEOUT of a socket, see tcp(7).
// Owns nothing; any thread. Returns 0, or -errno of the first option the kernel refused. A socket that is not TCP is left alone.
// A value of 0 leaves that option at the system's default.
// With userTimeoutMs set the kernel gives up after that time instead of after `probes` unanswered probes.
#pragma once

#include <cstdint>

namespace millrace {

struct KeepAlive {
  uint32_t idleSeconds = 0;      // 1..32767
  uint32_t intervalSeconds = 0;  // 1..32767
  uint32_t probes = 0;           // 1..127
  uint32_t userTimeoutMs = 0;
};

int applyKeepAlive(int fd, const KeepAlive& settings);

}  // namespace millrace
