#include "node/proxy_reader.h"

namespace millrace {
namespace {

Dialect readDialect(JsValue from) { return from.get("dialect").text() == "httpConnect" ? Dialect::httpConnect : Dialect::socks5; }

Login readLogin(JsValue from) { return {from.get("name").text(), from.get("password").text(), from.get("basic").text()}; }

bool readNetworks(JsValue from, std::string& why, std::vector<Cidr>& out) {
  for (uint32_t i = 0; i < from.length(); ++i) {
    const std::string one = from.at(i).text();
    out.emplace_back();
    if (!CidrSet::parse(one, out.back())) return fail(why, "CIDR " + one);
  }
  return true;
}

}  // namespace

Negotiation readNegotiation(JsValue node) {
  Negotiation it{readDialect(node)};
  const JsValue users = node.get("users");
  for (uint32_t i = 0; i < users.length(); ++i) it.users.push_back(readLogin(users.at(i)));
  return it;
}

bool readRuleLists(JsValue from, std::string& why, RuleLists& out) {
  if (!readNetworks(from.get("allow"), why, out.allow) || !readNetworks(from.get("deny"), why, out.deny) || !readNetworks(from.get("guard"), why, out.guard)) return false;
  const JsValue ports = from.get("ports");
  for (uint32_t i = 0; i < ports.length(); ++i) out.ports.emplace_back(uint16_t(ports.at(i).at(0).whole()), uint16_t(ports.at(i).at(1).whole()));
  const JsValue closed = from.get("closedPorts");
  for (uint32_t i = 0; i < closed.length(); ++i) out.closedPorts.push_back(uint16_t(closed.at(i).whole()));
  return true;
}

bool readHops(JsValue from, std::string& why, std::vector<Hop>& out) {
  for (uint32_t i = 0; i < from.length(); ++i) {
    const JsValue one = from.at(i);
    Hop hop{readDialect(one), readLogin(one.get("login")), std::nullopt};
    if (const std::string host = one.get("host").text(); !host.empty()) {
      hop.destination = Destination::of(host, uint16_t(one.get("port").whole()));
      if (!hop.destination) return fail(why, "hop " + host);
    }
    out.push_back(std::move(hop));
  }
  return true;
}

}  // namespace millrace
