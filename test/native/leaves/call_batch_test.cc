// core/call_batch.h: what many calls say together is what they say one by one, in order.
#include "core/call_batch.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>

#include <cstdio>
#include <cstring>
#include <vector>

#include "check.h"

using namespace millrace;

namespace {

/// Two sockets that send to each other.
struct Datagrams {
  Fd ends[2];

  Datagrams() {
    int both[2];
    check(::socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, both) == 0, "a pair of sockets");
    ends[0] = Fd(both[0]);
    ends[1] = Fd(both[1]);
  }
};

/// A datagram goes to every socket but those named, and is received from all; those have nothing, and a descriptor that is none says so.
void sendAndReceive(CallBatch& batch) {
  constexpr unsigned pairs = 20;
  std::vector<Datagrams> sockets(pairs);
  char text[pairs][8];
  for (unsigned i = 0; i < pairs; ++i) {
    std::snprintf(text[i], sizeof text[i], "nr. %u", i);
    iovec vector{text[i], std::strlen(text[i])};
    msghdr header{.msg_iov = &vector, .msg_iovlen = 1};
    if (i % 5 == 4) continue;
    if (i % 2) batch.send(sockets[i].ends[0].get(), text[i], std::strlen(text[i]));
    else check(::sendmsg(sockets[i].ends[0].get(), &header, 0) > 0, "a datagram that is there already");
  }
  check(batch.room() == CallBatch::most - 8, "room is what has not been added");
  const auto sent = batch.run();
  check(sent.size() == 8, "a result for each call");
  for (const int32_t result : sent) check(result >= 5, "a send says how many bytes");
  check(batch.room() == CallBatch::most, "and then all of it");

  char into[pairs + 1][64]{};
  iovec vectors[pairs + 1];
  msghdr headers[pairs + 1]{};
  for (unsigned i = 0; i <= pairs; ++i) {
    vectors[i] = {into[i], sizeof into[i]};
    headers[i].msg_iov = &vectors[i];
    headers[i].msg_iovlen = 1;
    batch.recvmsg(i < pairs ? sockets[i].ends[1].get() : -1, headers[i]);
  }
  const auto got = batch.run();
  check(got.size() == pairs + 1, "a result for each call");
  for (unsigned i = 0; i < pairs; ++i) {
    if (i % 5 == 4) check(got[i] == -EAGAIN, "nothing is there: it does not wait");
    else check(got[i] == int32_t(std::strlen(text[i])) && std::strcmp(into[i], text[i]) == 0, "the bytes of its own socket");
  }
  check(got[pairs] == -EBADF, "an error is a result, and the calls before it have been made");
  check(batch.run().empty(), "no calls, no results");
}

void full(CallBatch& batch) {
  Datagrams sockets;
  int sends = 0;
  bool refused = false;
  for (int round = 0; round < 1000 && !refused; ++round) {
    for (unsigned i = 0; i < CallBatch::most; ++i) batch.send(sockets.ends[0].get(), "x", 1);
    check(batch.room() == 0, "no room");
    for (const int32_t result : batch.run()) {
      if (result == -EAGAIN) refused = true;
      else check(result == 1 && !refused, "in order: nothing is sent after what was refused");
      sends += result == 1;
    }
  }
  check(refused, "a full socket is not waited for");
  char one;
  for (int i = 0; i < sends; ++i) check(::recv(sockets.ends[1].get(), &one, 1, 0) == 1, "what was sent is there");
}

}  // namespace

void testCallBatch() {
  CallBatch without;
  without.start();
  check(!without.isOne(), "nobody has asked for a ring");
  sendAndReceive(without);
  full(without);

  CallBatch with;
  with.open();
  sendAndReceive(with);  // it has not been started
  with.start();
  std::printf("io_uring: %s\n", with.isOne() ? "yes" : "no");
  for (int i = 0; i < 100; ++i) sendAndReceive(with);
  full(with);
}
