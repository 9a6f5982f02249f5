// Whether packets to an address stay within this machine (internal). Asks the kernel each time, since addresses come and go, and sends nothing.
#pragma once
#include "core/address.h"

namespace millrace {

/// For an IP address 1 or 0: 0 where none can be sent there at all, 1 where the kernel does not say, -errno where there is no descriptor or no memory to ask it.
int isOwnAddress(const SocketAddress& address);

}  // namespace millrace
