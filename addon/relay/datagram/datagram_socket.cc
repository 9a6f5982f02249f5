#include "relay/datagram/datagram_socket.h"

#include <netinet/in.h>

#include "core/datagram_train.h"
#include "core/sys.h"

namespace millrace {
namespace {

constexpr int listenerSendBuffer = 4 * 1024 * 1024;  // shared by all flows

/// Trains instead of single datagrams, and how many were lost before. Where the kernel is too old for either, it goes without.
void askForMore(int fd) {
  sys::setInt(fd, SOL_UDP, UDP_GRO, 1);
  sys::setInt(fd, SOL_SOCKET, SO_RXQ_OVFL, 1);
}

bool isWildcard(const SocketAddress& address) {
  static constexpr uint8_t zeros[16] = {};
  return std::memcmp(address.peer().ip, zeros, sizeof zeros) == 0;
}

int openConnectedFrom(DatagramSocket& socket, const SocketAddress& to, const SocketAddress* source) {
  const int fd = sys::socket(to.family(), SOCK_DGRAM);
  if (fd < 0) return fd;
  Fd owned(fd);
  if (source && ::bind(fd, source->get(), source->length()) < 0) return -errno;
  sys::setReceiveBuffer(fd, flowReceiveBuffer);
  askForMore(fd);
  if (const int error = sys::connect(fd, to.get(), to.length())) return error;
  socket.fd = std::move(owned);
  socket.family = uint8_t(to.family());
  return 0;
}

}  // namespace

Result<ListeningSocket> openListening(const SocketAddress& address, const Plan& plan, Sharing sharing, bool closed) {
  const auto failed = [&](int error, const char* syscall) { return SysError{error, syscall, address.host(), address.port()}; };
  DatagramSocket socket;
  const int fd = sys::socket(address.family(), SOCK_DGRAM);
  if (fd < 0) return failed(-fd, "socket");
  socket.fd = Fd(fd);
  socket.family = uint8_t(address.family());
  socket.named = true;
  socket.tellsLocal = isWildcard(address);
  if (address.family() == AF_INET6) sys::setInt(fd, IPPROTO_IPV6, IPV6_V6ONLY, plan.dualStack ? 0 : 1);
  if (socket.tellsLocal) {
    if (address.family() == AF_INET) sys::setInt(fd, IPPROTO_IP, IP_PKTINFO, 1);
    else sys::setInt(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1);
    // Of an IPv4 datagram IPV6_PKTINFO tells only where it was sent to, which for a broadcast is nothing to answer from; IP_PKTINFO, which an IPv6 socket
    // has too, tells the address of ours that is to answer (ip(7), ipi_spec_dst).
    if (address.family() == AF_INET6 && plan.dualStack) sys::setInt(fd, IPPROTO_IP, IP_PKTINFO, 1);
  }
  const int obtained = sys::setReceiveBuffer(fd, plan.receiveBufferBytes);
  sys::setSendBuffer(fd, plan.sendBufferBytes > 0 ? plan.sendBufferBytes : listenerSendBuffer);
  askForMore(fd);
  if (plan.incomingCpu >= 0) {
    if (const int error = sys::trySetInt(fd, SOL_SOCKET, SO_INCOMING_CPU, plan.incomingCpu)) return failed(-error, "setsockopt SO_INCOMING_CPU");
  }
  // The kernel's choice is final when all are bound: what comes before would begin flows that go on elsewhere.
  if (closed) sys::refuseDatagrams(fd, true);
  if (const int error = bindSharing(fd, address, sharing)) return failed(-error, "listen");  // the word for TCP
  const SocketAddress bound = SocketAddress::boundTo(fd);
  return ListeningSocket{std::move(socket), bound, obtained};
}

void acceptDatagrams(DatagramSocket& socket) {
  sys::refuseDatagrams(socket.fd.get(), false);
  sys::lostSince(socket.fd.get(), socket.overflow);
}

int openConnected(DatagramSocket& socket, const SocketAddress& to, SourceAddresses& sources, uint64_t nowMs) {
  // All of them: whoever has flows to end can make room at each.
  return sources.fromEach(to.family(), nowMs, SIZE_MAX, [&](const SocketAddress* source) { return openConnectedFrom(socket, to, source); });
}

}  // namespace millrace
