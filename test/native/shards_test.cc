// Two shards of one server under load, without Node: run by shards.test.ts, under TSan. While both relay, the owner reads their ledgers, asks for
// their sessions and gives their forwards new addresses, as `lib` does. Ends with 0 where all adds up; TSan makes it 66 where two threads meet.
// Usage: shards_test [race]   (race: breaks the rule that a running engine is its own thread's, which has to be found)
#include <arpa/inet.h>
#include <poll.h>
#include <unistd.h>

#include <condition_variable>
#include <cstdio>
#include <cstring>
#include <memory>
#include <thread>

#include "core/sys.h"
#include "relay/control.h"
#include "relay/loop_thread.h"

using namespace millrace;

namespace {

constexpr int connections = 300, datagrams = 3000, mostSessions = 64;
enum Pipeline { tcpEcho, tcpForward, udpEcho, udpForward, pipelines };

int failures = 0;
void check(bool holds, const char* what) {
  if (holds) return;
  std::printf("%s\n", what);
  ++failures;
}

SocketAddress loopback(uint16_t port) {
  SocketAddress address;
  SocketAddress::parseIp("127.0.0.1", port, address);
  return address;
}

Node nodeOf(Op op) {
  Node node{.op = op};
  node.settings.idleTimeoutMs = 60'000;
  return node;
}

/// The same for each shard, but for the ports; the limit is one for all.
std::vector<Plan> plansFor(const uint16_t (&ports)[pipelines], std::shared_ptr<LimitStage> limit) {
  std::vector<Plan> plans(pipelines);
  for (int p = 0; p < pipelines; ++p) {
    Plan& plan = plans[size_t(p)];
    plan.datagram = p == udpEcho || p == udpForward;
    plan.listen = {{loopback(ports[p]), 0}};
    plan.backlog = 511;
    plan.receiveBufferBytes = 1 << 20;
    plan.maxFlows = 1024;
    const bool forwards = p == tcpForward || p == udpForward;
    if (p == tcpForward) {
      plan.nodes.push_back(nodeOf(Op::limit));
      plan.nodes.back().limit = limit;
      plan.nodes.back().next = {1};
    }
    plan.nodes.push_back(nodeOf(forwards ? Op::forward : Op::echo));
    if (!forwards) continue;
    plan.nodes.back().forward = {.upstream = 0, .connectTimeoutMs = 5000};
    plan.nodes.back().parent = plan.nodes.size() > 1 ? 0 : Node::none;
    plan.upstreams.resize(1);  // a name: its address comes later
  }
  return plans;
}

class Shard {
 public:
  Shard(int number, std::vector<Plan> plans, Sharing sharing) : rows_(4096), replies_(4096) {
    RelayOptions options;
    options.wantEvents = true;
    options.sharing = sharing;
    const DatagramBuffers buffers{datagramArena_, rows_, replies_, out_};
    thread_ = std::make_unique<LoopThread>(std::move(*Loop::create()), options, std::move(plans), arena_, buffers, Placement{number, -1}, [this] { rang(); });
  }

  LoopThread& thread() { return *thread_; }
  Engine& engine() { return thread_->engine(); }
  uint16_t port(int pipeline) {
    for (const auto& listener : engine().listeners()) {
      if (listener->plan == pipeline) return listener->bound().port();
    }
    for (const auto& listener : engine().datagrams().listeners()) {
      if (listener->plan == pipeline) return listener->bound.port();
    }
    return 0;
  }
  Counters counters(int pipeline) {
    const CounterValues values = engine().readLedger(size_t(pipeline));
    Counters counters;
    std::memcpy(&counters, values.data(), sizeof counters);
    return counters;
  }
  /// Takes what has come, until `done` says so.
  void await(const std::function<bool()>& done) {
    std::unique_lock lock(mutex_);
    while (!done()) {
      rung_.wait(lock, [this] { return std::exchange(ringing_, false); });
      lock.unlock();
      const LoopThread::Taken taken = thread_->take();
      for (const auto& work : taken.works) work();
      for (const Record& record : taken.records) over = over || record.kind == double(RecordKind::closed);
      records += taken.records.size();
      lock.lock();
    }
  }

  bool over = false;
  size_t records = 0;

 private:
  void rang() {
    const std::lock_guard lock(mutex_);
    ringing_ = true;
    rung_.notify_one();
  }

  std::vector<uint8_t> arena_ = std::vector<uint8_t>(256 * 1024), datagramArena_ = std::vector<uint8_t>(256 * 65'856), out_ = std::vector<uint8_t>(1 << 20);
  std::vector<DatagramRow> rows_;
  std::vector<DatagramReply> replies_;
  std::mutex mutex_;
  std::condition_variable rung_;
  bool ringing_ = false;
  std::unique_ptr<LoopThread> thread_;
};

/// Connects, sends, awaits the echo and hangs up, again and again; how often the limit let it in.
int talkStreams(uint16_t port) {
  int answered = 0;
  for (int i = 0; i < connections; ++i) {
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const SocketAddress to = loopback(port);
    char bytes[512] = "shards";
    const bool sent = ::connect(fd, to.get(), to.length()) == 0 && ::send(fd, bytes, sizeof bytes, MSG_NOSIGNAL) == sizeof bytes;
    if (sent && ::recv(fd, bytes, sizeof bytes, MSG_WAITALL) == sizeof bytes) ++answered;
    ::close(fd);
  }
  return answered;
}

/// From 30 ports, one after the other so that nothing is lost; how many came back.
int talkDatagrams(uint16_t port) {
  int answered = 0;
  for (int i = 0; i < 30; ++i) {
    const int fd = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    const SocketAddress to = loopback(port);
    if (::connect(fd, to.get(), to.length()) < 0) continue;
    for (int n = 0; n < datagrams / 30; ++n) {
      char bytes[64] = "shards";
      pollfd waits{fd, POLLIN, 0};
      if (::send(fd, bytes, sizeof bytes, 0) == sizeof bytes && ::poll(&waits, 1, 5000) == 1 && ::recv(fd, bytes, sizeof bytes, 0) == sizeof bytes) ++answered;
    }
    ::close(fd);
  }
  return answered;
}

}  // namespace

int main(int argc, char** argv) {
  const bool race = argc > 1 && std::strcmp(argv[1], "race") == 0;
  const auto limit = std::make_shared<LimitStage>(mostSessions, mostSessions, 0);
  uint16_t ports[pipelines] = {};
  Shard first(0, plansFor(ports, limit), Sharing::first);
  check(!first.engine().listen(), "the first shard listens");
  for (int p = 0; p < pipelines; ++p) ports[p] = first.port(p);
  Shard second(1, plansFor(ports, limit), Sharing::another);
  check(!second.engine().listen(), "the second shard listens at the same ports");
  Shard late(2, plansFor(ports, limit), Sharing::first);
  const auto refused = late.engine().listen();
  check(refused && refused->err == EADDRINUSE, "another server does not get between them");
  for (Shard* shard : {&first, &second}) shard->engine().datagrams().openDoors();
  check(first.thread().start() == 0 && second.thread().start() == 0, "both start");

  const auto tellAddresses = [&](Engine& engine) {
    engine.setUpstream(tcpForward, 0, {loopback(ports[tcpEcho])});
    engine.setUpstream(udpForward, 0, {loopback(ports[udpEcho])});
  };
  int streams = 0, packets = 0;
  std::thread talksStreams([&] { streams = talkStreams(ports[tcpForward]); });
  std::thread talksMore([&] { talkStreams(ports[tcpForward]); });
  std::thread talksDatagrams([&] { packets = talkDatagrams(ports[udpForward]); });
  for (int round = 0; round < 200; ++round) {
    for (Shard* shard : {&first, &second}) {
      if (round % 20 == 0) shard->thread().run(tellAddresses);
      if (race) tellAddresses(shard->engine());
      bool told = false;
      auto sessions = std::make_shared<std::vector<SessionInfo>>();
      shard->thread().query([sessions](Engine& engine) {
        *sessions = listSessions(engine.context());
        engine.datagrams().listFlows(*sessions);
      }, [&told] { told = true; });
      shard->await([&] { return told; });
      const Counters counters = shard->counters(tcpForward);
      check(counters.accepted == counters.open + counters.closed, "a ledger that is read meanwhile balances");
    }
    check(limit->sessions() <= mostSessions, "the limit holds for both");
  }
  talksStreams.join();
  talksMore.join();
  talksDatagrams.join();
  for (Shard* shard : {&first, &second}) shard->thread().run([](Engine& engine) { engine.close(0); });
  for (Shard* shard : {&first, &second}) {
    shard->await([&] { return shard->over; });
    shard->thread().halt();
  }
  check(streams == connections, "every stream is answered");
  check(packets == datagrams, "every datagram is answered");
  check(limit->sessions() == 0, "the limit counts nobody at the end");
  uint64_t accepted = 0, received = 0;
  for (Shard* shard : {&first, &second}) {
    const Counters byStream = shard->counters(tcpForward), byFlow = shard->counters(udpForward);
    check(byStream.open == 0 && byFlow.open == 0, "nothing is open");
    check(byStream.accepted > 0 && byFlow.accepted > 0 && shard->records > 0, "each shard had its share");
    accepted += byStream.accepted;
    received += byFlow.datagrams[toUpstream].received;
    std::printf("shard: %llu sessions, %llu flows\n", static_cast<unsigned long long>(byStream.accepted), static_cast<unsigned long long>(byFlow.accepted));
  }
  check(accepted == 2 * connections, "every session is in one ledger");
  check(received == datagrams, "every datagram is in one ledger");
  std::printf("%d failed\n", failures);
  return failures == 0 ? 0 : 1;
}
