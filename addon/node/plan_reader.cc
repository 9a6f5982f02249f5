#include "node/plan_reader.h"

#include "relay/ledger.h"
#include "stage/any_matcher.h"
#include "stage/not_matcher.h"
#include "stage/prefix.h"
#include "stage/remote_address.h"
#include "stage/sni.h"

namespace millrace {
namespace {

uint64_t number(const Napi::Object& from, const char* name) {
  const double value = from.Get(name).ToNumber().DoubleValue();
  return value > 0 ? uint64_t(value) : 0;
}
std::string text(const Napi::Object& from, const char* name) { return from.Get(name).ToString().Utf8Value(); }
Napi::Object object(const Napi::Object& from, const char* name) { return from.Get(name).As<Napi::Object>(); }
Napi::Array array(const Napi::Object& from, const char* name) { return from.Get(name).As<Napi::Array>(); }

bool fail(Napi::Env env, const std::string& why) {
  if (!env.IsExceptionPending()) Napi::Error::New(env, "millrace: the addon was given a plan it cannot read: " + why).ThrowAsJavaScriptException();
  return false;
}

bool readEndpoint(const Napi::Object& from, SocketAddress& out) {
  if (text(from, "net") == "unix") return SocketAddress::fromPath(text(from, "path"), out);
  return SocketAddress::parseIp(text(from, "host"), uint16_t(number(from, "port")), out);
}

bool readCidrs(const Napi::Array& from, CidrSet& out) {
  for (uint32_t i = 0; i < from.Length(); ++i) {
    Cidr cidr;
    const std::string one = from.Get(i).ToString().Utf8Value();
    if (!CidrSet::parse(one, cidr)) return fail(from.Env(), "CIDR " + one);
    out.add(cidr);
  }
  out.seal();
  return true;
}

MatcherPtr readMatcher(const Napi::Object& from) {
  const std::string op = text(from, "op");
  if (op == "remoteAddress") {
    CidrSet networks;
    if (!readCidrs(array(from, "cidrs"), networks)) return nullptr;
    return std::make_unique<RemoteAddressMatcher>(std::move(networks));
  }
  if (op == "prefix") {
    const auto bytes = from.Get("bytes").As<Napi::Uint8Array>();
    return std::make_unique<PrefixMatcher>(std::vector<uint8_t>(bytes.Data(), bytes.Data() + bytes.ByteLength()));
  }
  if (op == "sni") {
    auto matcher = std::make_unique<SniMatcher>();
    const Napi::Array names = array(from, "names");
    for (uint32_t i = 0; i < names.Length(); ++i) {
      const std::string name = names.Get(i).ToString().Utf8Value();
      if (!matcher->add(name)) return fail(from.Env(), "name " + name), nullptr;
    }
    return matcher;
  }
  if (op == "not") {
    MatcherPtr inner = readMatcher(object(from, "matcher"));
    return inner ? std::make_unique<NotMatcher>(std::move(inner)) : nullptr;
  }
  if (op == "any") {
    std::vector<MatcherPtr> inner;
    const Napi::Array matchers = array(from, "matchers");
    for (uint32_t i = 0; i < matchers.Length(); ++i) {
      inner.push_back(readMatcher(matchers.Get(i).As<Napi::Object>()));
      if (!inner.back()) return nullptr;
    }
    return std::make_unique<AnyMatcher>(std::move(inner));
  }
  return fail(from.Env(), "matcher " + op), nullptr;
}

Rate readRate(const Napi::Object& from, const char* name) {
  if (!from.Get(name).IsObject()) return {};
  const Napi::Object rate = object(from, name);
  return {number(rate, "bytesPerSecond"), number(rate, "burstBytes")};
}

Settings readSettings(const Napi::Object& node) {
  Settings settings;
  const Napi::Object from = object(node, "settings");
  settings.idleTimeoutMs = number(from, "idleTimeoutMs");
  settings.halfCloseTimeoutMs = number(from, "halfCloseTimeoutMs");
  settings.maxDurationMs = number(from, "maxDurationMs");
  settings.highWaterBytes = uint32_t(number(from, "highWaterBytes"));
  settings.throttle[toUpstream] = readRate(from, "throttleToUpstream");
  settings.throttle[toDownstream] = readRate(from, "throttleToDownstream");
  settings.transform[toUpstream] = from.Get("transformToUpstream").ToBoolean();
  settings.transform[toDownstream] = from.Get("transformToDownstream").ToBoolean();
  if (from.Get("keepAlive").IsObject()) {
    const Napi::Object keepAlive = object(from, "keepAlive");
    settings.keepAlive = KeepAlive{uint32_t(number(keepAlive, "idleSeconds")), uint32_t(number(keepAlive, "intervalSeconds")),
                                   uint32_t(number(keepAlive, "probes")), uint32_t(number(keepAlive, "userTimeoutMs"))};
  }
  return settings;
}

HeadLimits readHead(const Napi::Object& node) {
  const Napi::Object from = object(node, "head");
  return {uint32_t(number(from, "minBytes")), uint32_t(number(from, "maxBytes")), number(from, "timeoutMs")};
}

bool readForward(const Napi::Object& from, ForwardOptions& out) {
  out.upstream = uint32_t(number(from, "upstream"));
  out.connectTimeoutMs = number(from, "connectTimeoutMs");
  out.retries = uint32_t(number(from, "retries"));
  if (from.Get("sourceAddress").IsString()) {
    SocketAddress source;
    if (!SocketAddress::parseIp(text(from, "sourceAddress"), 0, source)) return fail(from.Env(), "sourceAddress");
    out.source = source;
  }
  return true;
}

bool readNode(const Napi::Object& from, Node& node) {
  const std::string op = text(from, "op");
  if (op == "allow" || op == "deny") {
    CidrSet networks;
    if (!readCidrs(array(from, "cidrs"), networks)) return false;
    if (op == "allow") node.allow.emplace(std::move(networks));
    else node.deny.emplace(std::move(networks));
    node.op = op == "allow" ? Op::allow : Op::deny;
    node.next = {uint32_t(number(from, "next"))};
  } else if (op == "limit") {
    node.op = Op::limit;
    node.limit = std::make_unique<LimitStage>(number(from, "maxSessions"), number(from, "maxSessionsPerAddress"), number(from, "newSessionsPerSecond"));
    node.next = {uint32_t(number(from, "next"))};
  } else if (op == "ask") {
    node.op = Op::ask;
    node.head = readHead(from);
    const Napi::Array next = array(from, "next");
    for (uint32_t i = 0; i < next.Length(); ++i) node.next.push_back(next.Get(i).ToNumber().Uint32Value());
  } else if (op == "route") {
    node.op = Op::route;
    node.head = readHead(from);
    const Napi::Array when = array(from, "when");
    for (uint32_t i = 0; i < when.Length(); ++i) {
      const auto branch = when.Get(i).As<Napi::Object>();
      node.when.push_back(readMatcher(object(branch, "matcher")));
      if (!node.when.back()) return false;
      node.next.push_back(uint32_t(number(branch, "next")));
    }
    node.next.push_back(uint32_t(number(from, "otherwise")));
  } else if (op == "close" || op == "reset") {
    node.op = op == "close" ? Op::close : Op::reset;
  } else {
    if (op == "forward") node.op = Op::forward;
    else if (op == "echo") node.op = Op::echo;
    else if (op == "discard") node.op = Op::discard;
    else if (op == "stream") node.op = Op::stream;
    else return fail(from.Env(), "node " + op);
    node.settings = readSettings(from);
    if (node.op == Op::forward) return readForward(from, node.forward);
  }
  return true;
}

}  // namespace

std::optional<Plan> readPlan(const Napi::Object& from) {
  Plan plan;
  plan.backlog = int(number(from, "backlog"));
  plan.dualStack = from.Get("dualStack").ToBoolean();
  const Napi::Array listen = array(from, "listen");
  for (uint32_t i = 0; i < listen.Length(); ++i) {
    SocketAddress endpoint;
    if (!readEndpoint(listen.Get(i).As<Napi::Object>(), endpoint)) return fail(from.Env(), "listen"), std::nullopt;
    plan.listen.push_back(endpoint);
  }
  const Napi::Array upstreams = array(from, "upstreams");
  for (uint32_t i = 0; i < upstreams.Length(); ++i) {
    SocketAddress address;
    Upstream upstream;
    if (readEndpoint(upstreams.Get(i).As<Napi::Object>(), address)) upstream.addresses.push_back(address);  // else a name
    plan.upstreams.push_back(std::move(upstream));
  }
  const Napi::Array nodes = array(from, "nodes");
  plan.nodes.resize(nodes.Length());
  for (uint32_t i = 0; i < nodes.Length(); ++i) {
    if (!readNode(nodes.Get(i).As<Napi::Object>(), plan.nodes[i])) return std::nullopt;
  }
  for (uint32_t i = 0; i < plan.nodes.size(); ++i) {
    for (const uint32_t next : plan.nodes[i].next) {
      if (next >= plan.nodes.size()) return fail(from.Env(), "next"), std::nullopt;
      plan.nodes[next].parent = i;
    }
  }
  if (from.Env().IsExceptionPending()) return std::nullopt;
  return plan;
}

std::vector<SocketAddress> readAddresses(const Napi::Array& from) {
  std::vector<SocketAddress> addresses;
  for (uint32_t i = 0; i < from.Length(); ++i) {
    SocketAddress address;
    const auto one = from.Get(i).As<Napi::Object>();
    if (SocketAddress::parseIp(text(one, "address"), uint16_t(number(one, "port")), address)) addresses.push_back(address);
  }
  return addresses;
}

}  // namespace millrace
