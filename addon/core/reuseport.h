// Several sockets at one address, each of another loop, and how the kernel chooses among them (internal): SO_REUSEPORT, see socket(7).
// Owns nothing; any thread. Returns 0 or -errno.
// Invariant: the first of a family of sockets finds the address free; it does not slip in beside sockets of another program that share theirs.
#pragma once
#include <cstdint>
#include <span>

#include "core/address.h"

namespace millrace {

enum class Sharing : uint8_t {
  none,     // nobody else may bind the address
  first,    // nobody else has bound it; from then on others of this user may, if they share it too
  another,  // others may have bound it, and share it
};

int bindSharing(int fd, const SocketAddress& address, Sharing sharing);

/// What CPU cpus[i] receives goes to the i-th socket of the family, by the order in which they were bound (those of TCP: began to listen), and
/// what any other CPU receives to the one of its number modulo their count. Holds for the whole family of `fd`; to be called when it is complete.
int steerByCpu(int fd, std::span<const uint32_t> cpus);

}  // namespace millrace
