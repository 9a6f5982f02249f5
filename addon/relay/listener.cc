#include "relay/listener.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <sys/stat.h>

#include "core/congestion.h"
#include "core/sys.h"

namespace millrace {
namespace {

bool transient(int error) {
  switch (error) {
    case ECONNABORTED: case EPROTO: case ENETDOWN: case ENOPROTOOPT: case EHOSTDOWN: case ENONET: case EHOSTUNREACH:
    case EOPNOTSUPP: case ENETUNREACH: case EPERM: case EINTR: case ETIMEDOUT:
      return true;
    default:
      return false;
  }
}

/// Whether the path is a socket on which nobody listens any more.
bool isStaleSocket(const SocketAddress& address) {
  const std::string path = address.host();
  struct stat status;
  if (path.empty() || path[0] == '@' || ::lstat(path.c_str(), &status) < 0 || !S_ISSOCK(status.st_mode)) return false;
  Fd probe(sys::socket(AF_UNIX, SOCK_STREAM));
  return probe && sys::connect(probe.get(), address.get(), address.length()) == -ECONNREFUSED;
}

/// What accepted sockets inherit, and by which CPU the kernel chooses; what was refused, if anything.
const char* setOptions(int fd, const Plan& plan) {
  if (plan.receiveBufferBytes > 0) sys::setReceiveBuffer(fd, plan.receiveBufferBytes);
  if (plan.sendBufferBytes > 0) sys::setSendBuffer(fd, plan.sendBufferBytes);
  if (plan.maxSegmentBytes > 0 && sys::trySetInt(fd, IPPROTO_TCP, TCP_MAXSEG, plan.maxSegmentBytes)) return "setsockopt TCP_MAXSEG";
  if (plan.incomingCpu >= 0 && sys::trySetInt(fd, SOL_SOCKET, SO_INCOMING_CPU, plan.incomingCpu)) return "setsockopt SO_INCOMING_CPU";
  return nullptr;
}

}  // namespace

Result<std::unique_ptr<Listener>> Listener::open(const SocketAddress& address, const Plan& plan, Sharing sharing, bool paces) {
  const auto failed = [&](int error, const char* syscall) { return SysError{error, syscall, address.host(), address.port()}; };
  Fd fd(sys::socket(address.family(), SOCK_STREAM));
  if (!fd) return failed(-fd.get(), "socket");
  if (!address.isUnix()) {
    sys::setInt(fd.get(), SOL_SOCKET, SO_REUSEADDR, 1);
    sys::setInt(fd.get(), IPPROTO_TCP, TCP_NODELAY, 1);  // accepted sockets inherit it
    if (address.family() == AF_INET6) sys::setInt(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, plan.dualStack ? 0 : 1);
    if (paces && address.peer().isLoopback()) sendUnpaced(fd.get());
    if (const char* refused = setOptions(fd.get(), plan)) return failed(errno, refused);
  }
  int bound = bindSharing(fd.get(), address, sharing);
  if (bound == -EADDRINUSE && address.isUnix() && isStaleSocket(address) && ::unlink(address.host().c_str()) == 0) {
    bound = bindSharing(fd.get(), address, sharing);
  }
  if (bound < 0) return failed(-bound, "listen");  // one word for bind and listen, as Node has it
  if (::listen(fd.get(), plan.backlog) < 0) {
    const int error = errno;
    if (address.isUnix()) ::unlink(address.host().c_str());
    return failed(error, "listen");
  }
  SocketAddress actual = address.isUnix() ? address : SocketAddress::boundTo(fd.get());
  return std::unique_ptr<Listener>(new Listener(std::move(fd), actual));
}

Listener::~Listener() {
  const std::string path = bound_.host();
  if (bound_.isUnix() && fd_ && path[0] != '@') ::unlink(path.c_str());
}

Listener::Accepted Listener::accept() {
  for (int tries = 0; tries < 16; ++tries) {
    sockaddr_storage from;
    socklen_t length = sizeof from;
    auto* address = reinterpret_cast<sockaddr*>(&from);
    const int fd = sys::accept(fd_.get(), address, &length);
    if (fd >= 0) {
      Accepted accepted{Fd(fd), PeerAddress::from(address, length)};
      if (bound_.isUnix()) accepted.peer.family = 1;
      return accepted;
    }
    if (sys::wouldBlock(fd)) return {};
    if (!transient(-fd)) return {.error = -fd};
  }
  return {};
}

void Listener::shedOne(Fd& reserve) {
  reserve.reset();
  if (Fd refused{sys::accept(fd_.get(), nullptr, nullptr)}) sys::setLingerZero(refused.get());
  reserve = Fd(::open("/dev/null", O_RDONLY | O_CLOEXEC));
}

}  // namespace millrace
