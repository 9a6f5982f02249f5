#include "core/datagram_receiver.h"

#include <algorithm>
#include <cstring>

#include "core/datagram_train.h"
#include "core/sys.h"

namespace millrace {

DatagramReceiver::DatagramReceiver(std::span<uint8_t> memory)
    : slots_(memory.size() / slotBytes), vectors_(slots_), named_(slots_), connected_(slots_) {
  for (size_t i = 0; i < slots_; ++i) {
    vectors_[i] = {memory.data() + i * slotBytes, slotBytes};
    msghdr& header = connected_[i].msg_hdr;
    header = {};
    header.msg_iov = &vectors_[i];
    header.msg_iovlen = 1;
    header.msg_control = control_[i % most];
    header.msg_controllen = controlBytes;
    named_[i] = connected_[i];
    named_[i].msg_hdr.msg_name = &names_[i % most];
    named_[i].msg_hdr.msg_namelen = sizeof names_[i % most];
  }
}

int DatagramReceiver::receive(int fd, bool named, unsigned wanted) {
  const unsigned count = std::min(room(), wanted);
  if (count == 0) return 0;
  mmsghdr* headers = &(named ? named_ : connected_)[used_];
  const int got = sys::recvmmsg(fd, headers, count);
  for (int i = 0; i < got; ++i) read(size_t(i), headers[i]);
  if (got > 0) used_ += size_t(got);
  return got;
}

const Received& DatagramReceiver::tookAhead(unsigned ahead, uint32_t length) {
  mmsghdr& header = connected_[used_ + ahead];
  header.msg_len = length;
  read(ahead, header);
  return received_[ahead];
}

void DatagramReceiver::read(size_t i, mmsghdr& header) {
  msghdr& message = header.msg_hdr;
  Received& it = received_[i];
  it = {.data = static_cast<uint8_t*>(message.msg_iov->iov_base), .length = header.msg_len, .segment = header.msg_len,
        .name = static_cast<const sockaddr_storage*>(message.msg_name), .nameLength = message.msg_namelen, .truncated = (message.msg_flags & MSG_TRUNC) != 0};
  bytes_ += it.length;
  for (const cmsghdr* c = CMSG_FIRSTHDR(&message); c; c = CMSG_NXTHDR(&message, const_cast<cmsghdr*>(c))) {
    if (c->cmsg_level == SOL_UDP && c->cmsg_type == UDP_GRO) {
      int segment;
      std::memcpy(&segment, CMSG_DATA(c), sizeof segment);
      if (segment > 0) it.segment = std::min(uint32_t(segment), it.length);
    } else if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SO_RXQ_OVFL) {
      std::memcpy(&it.overflow, CMSG_DATA(c), sizeof it.overflow);
      it.hasOverflow = true;
    } else if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO) {
      in_pktinfo info;
      std::memcpy(&info, CMSG_DATA(c), sizeof info);
      // Not ipi_addr: of a datagram to a broadcast address that is nothing to send from.
      sockaddr_in local{.sin_family = AF_INET, .sin_addr = info.ipi_spec_dst};
      it.local = PeerAddress::from(reinterpret_cast<const sockaddr*>(&local), sizeof local);
    } else if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO) {
      in6_pktinfo info;
      std::memcpy(&info, CMSG_DATA(c), sizeof info);
      sockaddr_in6 local{.sin6_family = AF_INET6, .sin6_addr = info.ipi6_addr};
      // An IPv4 datagram to a dual-stack socket has an IP_PKTINFO as well, which knows better.
      if (!IN6_IS_ADDR_MULTICAST(&local.sin6_addr) && it.local.family == 0) it.local = PeerAddress::from(reinterpret_cast<const sockaddr*>(&local), sizeof local);
    }
  }
  ++taken_.messages;
  taken_.datagrams += datagramsIn(it.length, it.segment);
  taken_.bytes += it.length;
  message.msg_controllen = controlBytes;
  if (message.msg_name) message.msg_namelen = sizeof(sockaddr_storage);
}

}  // namespace millrace
