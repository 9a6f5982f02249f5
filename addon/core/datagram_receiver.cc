#include "core/datagram_receiver.h"

#include <algorithm>
#include <cstring>

#include "core/datagram_train.h"
#include "core/sys.h"

namespace millrace {

int DatagramReceiver::receive(int fd, unsigned wanted, bool named) {
  const size_t free = memory_.size() / slotBytes - std::min(used_, memory_.size() / slotBytes);
  const auto count = unsigned(std::min({size_t(wanted), size_t(most), free}));
  if (count == 0) return 0;
  for (unsigned i = 0; i < count; ++i) {
    vectors_[i] = {memory_.data() + (used_ + i) * slotBytes, slotBytes};
    headers_[i].msg_hdr = {
        .msg_name = named ? &names_[i] : nullptr, .msg_namelen = named ? socklen_t(sizeof names_[i]) : 0, .msg_iov = &vectors_[i], .msg_iovlen = 1,
        .msg_control = control_[i], .msg_controllen = controlBytes, .msg_flags = 0};
  }
  int got;
  if (count == 1) {
    const ssize_t length = sys::recvmsg(fd, headers_[0].msg_hdr);
    headers_[0].msg_len = length < 0 ? 0 : unsigned(length);
    got = length < 0 ? int(length) : 1;
  } else {
    got = sys::recvmmsg(fd, headers_.data(), count);
  }
  for (int i = 0; i < got; ++i) read(size_t(i));
  if (got > 0) used_ += size_t(got);
  return got;
}

void DatagramReceiver::read(size_t i) {
  const mmsghdr& header = headers_[i];
  const msghdr& message = header.msg_hdr;
  received_[i] = {static_cast<uint8_t*>(vectors_[i].iov_base), header.msg_len, header.msg_len, (message.msg_flags & MSG_TRUNC) != 0, false, 0, {}};
  Received& it = received_[i];
  bytes_ += it.length;
  for (const cmsghdr* c = CMSG_FIRSTHDR(&message); c; c = CMSG_NXTHDR(const_cast<msghdr*>(&message), const_cast<cmsghdr*>(c))) {
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
      if (!IN6_IS_ADDR_MULTICAST(&local.sin6_addr)) it.local = PeerAddress::from(reinterpret_cast<const sockaddr*>(&local), sizeof local);
    }
  }
}

}  // namespace millrace
