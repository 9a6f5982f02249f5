// Several sockets at one address, each of another loop, and how the kernel chooses among them (internal): SO_REUSEPORT, see socket(7).
// Owns nothing; any thread.
// Invariant: the first of a family of sockets finds the address free; it does not slip in beside sockets of another program that share theirs.
#pragma once
#include <cstdint>
#include <optional>
#include <span>

#include "core/address.h"
#include "core/result.h"

namespace millrace {

enum class Sharing : uint8_t {
  none,     // nobody else may bind the address
  first,    // nobody else has bound it; from then on others of this user may, if they share it too
  another,  // others may have bound it, and share it
};

/// 0 or -errno.
int bindSharing(int fd, const SocketAddress& address, Sharing sharing);

/// What CPU cpus[i] receives goes to the i-th socket of the family, by the order in which they were bound (those of TCP: began to listen), and
/// what any other CPU receives to the one of its number modulo their count. Holds for the whole family of `fd`, bound to `address`; to be
/// called when it is complete.
std::optional<SysError> steerByCpu(int fd, const SocketAddress& address, std::span<const uint32_t> cpus);

}  // namespace millrace
