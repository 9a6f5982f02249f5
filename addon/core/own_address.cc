#include "core/own_address.h"

#include <errno.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <cstring>

#include "core/sys.h"

namespace millrace {
namespace {

bool reachesNobody(int error) { return error == -ENETUNREACH || error == -EHOSTUNREACH || error == -EADDRNOTAVAIL || error == -EAFNOSUPPORT; }

/// Of what could not be asked: -errno where there was too little of something, else 0, and it is left at what the source says.
int unasked(ssize_t error) { return error == -EMFILE || error == -ENFILE || error == -ENOBUFS || error == -ENOMEM ? int(error) : 0; }

/// The source that packets there would have, by a datagram socket that is connected: where that is the address itself, or one of the loopback, they go nowhere else.
int bySource(const SocketAddress& address) {
  const int fd = sys::socket(address.family(), SOCK_DGRAM);
  if (fd < 0) return reachesNobody(fd) ? 0 : fd;
  const Fd owner(fd);
  if (const int error = sys::connect(fd, address.get(), address.length())) return reachesNobody(error) ? 0 : 1;
  const PeerAddress source = SocketAddress::boundTo(fd).peer();
  return source.isLoopback() || source.sameAddress(address.peer());
}

/// The kind of route that leads there. The second address of a network has the first one for its source, and one of AnyIP any: this tells of both.
/// 0 where there may be no netlink sockets (RestrictAddressFamilies= of systemd).
int byRoute(const PeerAddress& to) {
  const int fd = sys::socket(AF_NETLINK, SOCK_RAW);
  if (fd < 0) return unasked(fd);
  const Fd owner(fd);
  const auto bytes = uint16_t(to.family == 6 ? 16 : 4);
  struct {
    nlmsghdr header;
    rtmsg route;
    rtattr attribute;
    uint8_t ip[16];
  } question{};
  question.header.nlmsg_len = uint32_t(NLMSG_LENGTH(sizeof(rtmsg)) + RTA_LENGTH(bytes));
  question.header.nlmsg_type = RTM_GETROUTE;
  question.header.nlmsg_flags = NLM_F_REQUEST;
  question.route.rtm_family = uint8_t(to.family == 6 ? AF_INET6 : AF_INET);
  question.route.rtm_dst_len = uint8_t(8 * bytes);
  question.attribute.rta_len = uint16_t(RTA_LENGTH(bytes));
  question.attribute.rta_type = RTA_DST;
  std::memcpy(question.ip, to.ip, bytes);
  if (const ssize_t put = sys::send(fd, &question, question.header.nlmsg_len); put < 0) return unasked(put);
  alignas(nlmsghdr) uint8_t answer[2048];
  const ssize_t got = sys::recv(fd, answer, sizeof answer);
  if (got < 0) return unasked(got);
  nlmsghdr header;
  rtmsg route;
  if (size_t(got) < NLMSG_LENGTH(sizeof route)) return 0;
  std::memcpy(&header, answer, sizeof header);
  std::memcpy(&route, answer + NLMSG_HDRLEN, sizeof route);
  return header.nlmsg_type == RTM_NEWROUTE && (route.rtm_type == RTN_LOCAL || route.rtm_type == RTN_ANYCAST);
}

}  // namespace

int isOwnAddress(const SocketAddress& address) {
  const int own = bySource(address);
  return own == 0 ? byRoute(address.peer()) : own;
}

}  // namespace millrace
