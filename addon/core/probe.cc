#include "core/probe.h"

#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <poll.h>

#include <algorithm>
#include <array>
#include <vector>

#include "core/datagram_receiver.h"
#include "core/datagram_train.h"
#include "core/pipe.h"
#include "core/sys.h"

namespace millrace {
namespace {

constexpr int trainSegment = 800;
constexpr int deliveryMs = 100;  // loopback delivers within the send; this is for a machine that is busy

/// A UDP socket on 127.0.0.1, at a free port or at `at`'s; `error` is 0 or -errno.
struct Bound {
  Fd fd;
  sockaddr_in address{.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
  int error = 0;
};

Bound bindLoopback(bool reusePort, in_port_t port = 0) {
  Bound it;
  it.address.sin_port = port;
  const int fd = sys::socket(AF_INET, SOCK_DGRAM);
  if (fd < 0) {
    it.error = fd;
    return it;
  }
  it.fd = Fd(fd);
  auto* const name = reinterpret_cast<sockaddr*>(&it.address);
  socklen_t length = sizeof it.address;
  if (reusePort) it.error = sys::trySetInt(fd, SOL_SOCKET, SO_REUSEPORT, 1);
  if (it.error == 0 && (::bind(fd, name, length) < 0 || ::getsockname(fd, name, &length) < 0)) it.error = -errno;
  return it;
}

int reusePort() {
  const Bound first = bindLoopback(true);
  return first.error ? first.error : bindLoopback(true, first.address.sin_port).error;
}

/// Bytes sent to `to` as one message, cut at every `segment` where that is not 0; or -errno.
int sendTo(int fd, const sockaddr_in& to, std::vector<uint8_t>& bytes, uint32_t segment) {
  alignas(cmsghdr) uint8_t control[CMSG_SPACE(sizeof(uint16_t))];
  iovec vector{bytes.data(), bytes.size()};
  msghdr message{};
  message.msg_name = const_cast<sockaddr_in*>(&to);
  message.msg_namelen = sizeof to;
  message.msg_iov = &vector;
  message.msg_iovlen = 1;
  if (segment > 0) {
    message.msg_control = control;
    message.msg_controllen = putSegment(control, segment);
  }
  return int(sys::sendmsg(fd, message));
}

bool readable(int fd) {
  pollfd wanted{.fd = fd, .events = POLLIN};
  return sys::retry([&] { return ::poll(&wanted, 1, deliveryMs); }) == 1;
}

/// What a single datagram that nobody has read yet takes of the socket's receive buffer.
int chargedBytes(int size) {
  const Bound to = bindLoopback(false);
  if (to.error) return to.error;
  std::vector<uint8_t> bytes(static_cast<size_t>(size), 0);
  const int sent = sendTo(to.fd.get(), to.address, bytes, 0);
  if (sent < 0) return sent;
  if (!readable(to.fd.get())) return -ETIMEDOUT;
  uint32_t info[SK_MEMINFO_VARS] = {};
  socklen_t length = sizeof info;
  if (::getsockopt(to.fd.get(), SOL_SOCKET, SO_MEMINFO, info, &length) < 0) return -errno;
  return int(info[SK_MEMINFO_RMEM_ALLOC]);
}

void sendTrain(ProbeAnswers& answers, int size) {
  const Bound to = bindLoopback(false);
  answers.segmentedSend = answers.trainReceived = to.error;
  if (to.error) return;
  const int gro = sys::trySetInt(to.fd.get(), SOL_UDP, UDP_GRO, 1);
  std::vector<uint8_t> bytes(static_cast<size_t>(size) * trainDatagrams, 0);
  answers.segmentedSend = sendTo(to.fd.get(), to.address, bytes, uint32_t(size));
  answers.trainReceived = gro < 0 ? gro : answers.segmentedSend < 0 ? answers.segmentedSend : -ETIMEDOUT;
  if (answers.trainReceived != -ETIMEDOUT || !readable(to.fd.get())) return;
  std::vector<uint8_t> memory(DatagramReceiver::slotBytes);
  DatagramReceiver receiver(memory);
  const int got = receiver.receive(to.fd.get(), true);
  answers.trainReceived = got < 1 ? got : int(datagramsIn(receiver[0].length, receiver[0].segment));
}

void passThroughPipe(ProbeAnswers& answers, int size) {
  Pipe pipe;
  pipe.open(static_cast<size_t>(size));
  answers.pipeBytes = pipe ? int(pipe.capacity()) : -EMFILE;
  int from[2], to[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, from) < 0) {
    answers.spliced = -errno;
    return;
  }
  const Fd fromIn(from[0]), fromOut(from[1]);
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, to) < 0) {
    answers.spliced = -errno;
    return;
  }
  const Fd toIn(to[0]), toOut(to[1]);
  std::array<uint8_t, 4096> bytes{};
  answers.spliced = int(sys::send(fromIn.get(), bytes.data(), bytes.size()));
  if (answers.spliced > 0 && pipe) answers.spliced = int(pipe.fill(fromOut.get(), bytes.size()));
  if (answers.spliced > 0 && pipe) answers.spliced = int(pipe.empty(toIn.get()));
}

}  // namespace

ProbeAnswers probe(const ProbeAsked& asked) {
  ProbeAnswers answers{};
  if (const Bound socket = bindLoopback(false); socket.error) {
    answers.receiveBufferBytes = answers.sendBufferBytes = socket.error;
  } else {
    answers.receiveBufferBytes = sys::setReceiveBuffer(socket.fd.get(), asked.receiveBufferBytes);
    answers.sendBufferBytes = sys::setSendBuffer(socket.fd.get(), asked.sendBufferBytes);
  }
  answers.chargedBytes = chargedBytes(std::clamp(asked.datagramBytes, 0, 65'507));
  answers.reusePort = reusePort();
  sendTrain(answers, trainSegment);
  passThroughPipe(answers, asked.pipeBytes);
  answers.pageBytes = int(::sysconf(_SC_PAGESIZE));
  return answers;
}

}  // namespace millrace
