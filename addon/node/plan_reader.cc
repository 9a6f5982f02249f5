#include "node/plan_reader.h"

#include "node/matcher_reader.h"
#include "node/proxy_reader.h"
#include "node/upstream_reader.h"
#include "relay/ledger.h"

namespace millrace {
namespace {

DatagramRate readDatagramRate(JsValue from, const char* name) {
  const JsValue rate = from.get(name);
  if (!rate.isObject()) return {};
  return {rate.get("datagramsPerSecond").whole(), rate.get("burstDatagrams").whole()};
}

Rate readRate(JsValue from, const char* name) {
  const JsValue rate = from.get(name);
  if (!rate.isObject()) return {};
  return {rate.get("bytesPerSecond").whole(), rate.get("burstBytes").whole()};
}

Settings readSettings(JsValue node) {
  Settings settings;
  const JsValue from = node.get("settings");
  settings.idleTimeoutMs = from.get("idleTimeoutMs").whole();
  settings.halfCloseTimeoutMs = from.get("halfCloseTimeoutMs").whole();
  settings.maxDurationMs = from.get("maxDurationMs").whole();
  settings.highWaterBytes = uint32_t(from.get("highWaterBytes").whole());
  settings.pipedHighWaterBytes = uint32_t(from.get("pipedHighWaterBytes").whole());
  settings.throttle[toUpstream] = readRate(from, "throttleToUpstream");
  settings.throttle[toDownstream] = readRate(from, "throttleToDownstream");
  settings.throttleDatagrams[toUpstream] = readDatagramRate(from, "throttleDatagramsToUpstream");
  settings.throttleDatagrams[toDownstream] = readDatagramRate(from, "throttleDatagramsToDownstream");
  settings.transform[toUpstream] = from.get("transformToUpstream").boolean();
  settings.transform[toDownstream] = from.get("transformToDownstream").boolean();
  if (from.get("keepAlive").isObject()) {
    const JsValue keepAlive = from.get("keepAlive");
    settings.keepAlive = KeepAlive{uint32_t(keepAlive.get("idleSeconds").whole()), uint32_t(keepAlive.get("intervalSeconds").whole()),
                                   uint32_t(keepAlive.get("probes").whole()), uint32_t(keepAlive.get("userTimeoutMs").whole())};
  }
  return settings;
}

HeadLimits readHead(JsValue node) {
  const JsValue from = node.get("head");
  return {uint32_t(from.get("minBytes").whole()), uint32_t(from.get("maxBytes").whole()), from.get("timeoutMs").whole()};
}

ProxyDialect proxyDialectOf(const std::string& text) { return text == "first" ? ProxyDialect::first : ProxyDialect::every; }

bool readForward(JsValue from, std::string& why, ForwardOptions& out) {
  out.upstream = uint32_t(from.get("upstream").whole());
  out.connectTimeoutMs = from.get("connectTimeoutMs").whole();
  out.retries = uint32_t(from.get("retries").whole());
  out.responses = uint32_t(from.get("responses").whole());
  out.proxyProtocol = uint8_t(from.get("proxyProtocol").whole());
  out.proxyDialect = proxyDialectOf(from.get("proxyDialect").text());
  const JsValue sources = from.get("sourceAddresses");
  for (uint32_t i = 0; i < sources.length(); ++i) {
    SocketAddress source;
    if (!SocketAddress::parseIp(sources.at(i).text(), 0, source)) return fail(why, "sourceAddresses");
    out.sources.add(source);
  }
  return readHops(from.get("hops"), why, out.hops);
}

StunOptions readStun(JsValue from) {
  return {from.get("software").text(), from.get("fingerprint").boolean(), from.get("rfc3489").boolean(), uint32_t(from.get("ratePerAddress").whole())};
}

ProxyMode proxyModeOf(const std::string& text) {
  if (text == "use") return ProxyMode::use;
  if (text == "ignore") return ProxyMode::ignore;
  return text == "reject" ? ProxyMode::reject : ProxyMode::require;
}

std::vector<uint32_t> readNext(JsValue from) {
  std::vector<uint32_t> nodes;
  for (uint32_t i = 0; i < from.length(); ++i) nodes.push_back(uint32_t(from.at(i).whole()));
  return nodes;
}

bool readNode(JsValue from, std::string& why, std::span<const NetworkFile> files, Node& node) {
  const std::string op = from.get("op").text();
  if (op == "allow" || op == "deny") {
    auto networks = readNetworks(from, "cidrs", why, files);
    if (!networks) return false;
    if (op == "allow") node.allow.emplace(std::move(*networks));
    else node.deny.emplace(std::move(*networks));
    node.op = op == "allow" ? Op::allow : Op::deny;
    node.next = {uint32_t(from.get("next").whole())};
  } else if (op == "limit") {
    node.op = Op::limit;
    node.limit = std::make_shared<LimitStage>(from.get("maxSessions").whole(), from.get("maxSessionsPerAddress").whole(), from.get("newSessionsPerSecond").whole());
    node.next = {uint32_t(from.get("next").whole())};
  } else if (op == "proxyProtocol") {
    auto networks = readNetworks(from, "from", why, files);
    if (!networks) return false;
    node.op = Op::proxyProtocol;
    node.proxy.emplace(std::move(*networks), proxyModeOf(from.get("mode").text()), proxyDialectOf(from.get("dialect").text()));
    node.head = readHead(from);
    node.next = {uint32_t(from.get("next").whole())};
  } else if (op == "ask") {
    node.op = Op::ask;
    node.head = readHead(from);
    node.next = readNext(from.get("next"));
  } else if (op == "route") {
    node.op = Op::route;
    node.head = readHead(from);
    const JsValue when = from.get("when");
    for (uint32_t i = 0; i < when.length(); ++i) {
      const JsValue branch = when.at(i);
      node.when.push_back(readMatcher(branch.get("matcher"), why, files));
      if (!node.when.back()) return false;
      node.next.push_back(uint32_t(branch.get("next").whole()));
    }
    node.silentMs = leastSilentMs(node.when);
    node.next.push_back(uint32_t(from.get("otherwise").whole()));
  } else if (op == "negotiate") {
    node.op = Op::negotiate;
    node.negotiation = readNegotiation(from);
    node.head = readHead(from);
    node.next = readNext(from.get("next"));
  } else if (op == "close" || op == "reset") {
    node.op = op == "close" ? Op::close : Op::reset;
  } else {
    if (op == "forward") node.op = Op::forward;
    else if (op == "destination") node.op = Op::destination;
    else if (op == "echo") node.op = Op::echo;
    else if (op == "discard") node.op = Op::discard;
    else if (op == "stream") node.op = Op::stream;
    else if (op == "datagrams") node.op = Op::datagrams;
    else if (op == "stun") node.op = Op::stun, node.stun = std::make_unique<StunSink>(readStun(from));
    else return fail(why, "node " + op);
    node.settings = readSettings(from);
    if (node.op == Op::destination) {
      RuleLists rules;
      if (!readRuleLists(from.get("rules"), why, rules)) return false;
      node.rules.emplace(std::move(rules));
      node.associates = from.get("udp").boolean();
    }
    if (node.op == Op::forward || node.op == Op::destination) return readForward(from, why, node.forward);
  }
  return true;
}

bool isInJs(const Node& node) { return node.op == Op::ask || node.op == Op::stream || node.settings.transform[toUpstream] || node.settings.transform[toDownstream]; }

std::optional<Generate> readGenerate(JsValue from) {
  if (!from.isObject()) return std::nullopt;
  return Generate{uint32_t(from.get("flows").whole()), uint32_t(from.get("sizeBytes").whole()), from.get("ratePerSecond").whole(),
                  uint32_t(from.get("window").whole()), from.get("durationMs").whole(), from.get("gso").boolean()};
}

}  // namespace

std::optional<Plan> readPlan(JsValue from, std::string& why) {
  Plan plan;
  plan.datagram = from.get("kind").text() == "datagram";
  plan.receiveBufferBytes = int(from.get("receiveBufferBytes").whole());
  plan.sendBufferBytes = int(from.get("sendBufferBytes").whole());
  plan.maxSegmentBytes = int(from.get("maxSegmentBytes").whole());
  plan.incomingCpu = int(from.get("incomingCpu").number());
  plan.maxFlows = uint32_t(from.get("maxFlows").whole());
  plan.maxFlowsPerAddress = uint32_t(from.get("maxFlowsPerAddress").whole());
  plan.generate = readGenerate(from.get("generate"));
  plan.backlog = int(from.get("backlog").whole());
  plan.dualStack = from.get("dualStack").boolean();
  const JsValue listen = from.get("listen");
  for (uint32_t i = 0; i < listen.length(); ++i) {
    ListenAt at;
    if (!readEndpoint(listen.at(i), at.address)) return fail(why, "listen"), std::nullopt;
    at.offset = uint16_t(listen.at(i).get("offset").whole());
    plan.listen.push_back(at);
  }
  const JsValue upstreams = from.get("upstreams");
  for (uint32_t i = 0; i < upstreams.length(); ++i) {
    SocketAddress address;
    Upstream upstream;
    const uint64_t lastPort = upstreams.at(i).get("lastPort").whole();
    if (lastPort > 0) upstream.ports = uint16_t(lastPort - upstreams.at(i).get("port").whole() + 1);
    if (upstreams.at(i).get("net").text() == "set") upstream.set = readSet(upstreams.at(i));
    else if (readEndpoint(upstreams.at(i), address)) upstream.addresses.push_back(address);  // else a name
    plan.upstreams.push_back(std::move(upstream));
  }
  const JsValue files = from.get("files");
  for (uint32_t i = 0; i < files.length(); ++i) {
    plan.files.push_back({files.at(i).get("path").text(), std::make_shared<CidrSet>()});
    if (!readCidrs(files.at(i).get("cidrs"), why, *plan.files.back().networks)) return std::nullopt;
  }
  const JsValue nodes = from.get("nodes");
  plan.nodes.resize(nodes.length());
  for (uint32_t i = 0; i < nodes.length(); ++i) {
    if (!readNode(nodes.at(i), why, plan.files, plan.nodes[i])) return std::nullopt;
  }
  for (uint32_t i = 0; i < plan.nodes.size(); ++i) {
    for (const uint32_t next : plan.nodes[i].next) {
      if (next >= plan.nodes.size()) return fail(why, "next"), std::nullopt;
      plan.nodes[next].parent = i;
    }
  }
  for (const Node& node : plan.nodes) {
    if (!isInJs(node)) continue;
    for (uint32_t at = node.parent; at != Node::none; at = plan.nodes[at].parent) plan.nodes[at].tellsJs = true;
  }
  return plan;
}

}  // namespace millrace
