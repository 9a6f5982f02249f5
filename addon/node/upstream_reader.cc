#include "node/upstream_reader.h"

namespace millrace {
namespace {

Balance balanceOf(const std::string& text) {
  if (text == "leastSessions") return Balance::leastSessions;
  if (text == "random2") return Balance::random2;
  if (text == "sourceHash") return Balance::sourceHash;
  return text == "maglev" ? Balance::maglev : Balance::roundRobin;
}

}  // namespace

bool readEndpoint(JsValue from, SocketAddress& out) {
  if (from.get("net").text() == "unix") return SocketAddress::fromPath(from.get("path").text(), out);
  return SocketAddress::parseIp(from.get("host").text(), uint16_t(from.get("port").whole()), out);
}

std::vector<SocketAddress> readAddresses(JsValue from) {
  std::vector<SocketAddress> addresses;
  for (uint32_t i = 0; i < from.length(); ++i) {
    SocketAddress address;
    const JsValue one = from.at(i);
    if (SocketAddress::parseIp(one.get("address").text(), uint16_t(one.get("port").whole()), address)) addresses.push_back(address);
  }
  return addresses;
}

std::unique_ptr<UpstreamSet> readSet(JsValue from) {
  SetOptions options;
  options.balance = balanceOf(from.get("balance").text());
  options.slowStartMs = from.get("slowStartMs").whole();
  options.closeOnUnhealthy = from.get("closeOnUnhealthy").boolean();
  if (const JsValue ejection = from.get("ejection"); ejection.isObject()) {
    options.ejectAfter = uint32_t(ejection.get("afterFailures").whole());
    options.ejectMs = ejection.get("forMs").whole();
    options.ejectMostMs = ejection.get("mostMs").whole();
  }
  if (const JsValue queue = from.get("queue"); queue.isObject()) {
    options.queueSessions = uint32_t(queue.get("maxSessions").whole());
    options.queueMs = queue.get("timeoutMs").whole();
  }
  return std::make_unique<UpstreamSet>(options);
}

std::vector<MemberIs> readMembers(JsValue from) {
  std::vector<MemberIs> members;
  for (uint32_t i = 0; i < from.length(); ++i) {
    const JsValue one = from.at(i);
    MemberIs member;
    if (!readEndpoint(one.get("at"), member.address)) continue;
    member.id = uint32_t(one.get("id").whole());
    member.key = one.get("key").text();
    member.weight = uint32_t(one.get("weight").whole());
    member.tier = uint32_t(one.get("tier").whole());
    member.maxSessions = uint32_t(one.get("maxSessions").whole());
    member.down = one.get("down").boolean();
    members.push_back(std::move(member));
  }
  return members;
}

}  // namespace millrace
