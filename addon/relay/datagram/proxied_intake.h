// The headers of the PROXY protocol that datagrams come behind, each whole and in one datagram with what it is about (internal). Pure.
#pragma once
#include "relay/datagram/datagram_walk.h"

namespace millrace {

/// Takes the header from a datagram of a proxy that `stage` is for: whom it is from, and how many bytes do not go on. False where the datagram goes no further, and why.
bool takeHeader(const ProxyProtocolStage& stage, std::span<const uint8_t> bytes, DatagramWay& way);

}  // namespace millrace
