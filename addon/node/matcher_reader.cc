#include "node/matcher_reader.h"

#include <algorithm>
#include <utility>

#include "stage/alpn.h"
#include "stage/any_matcher.h"
#include "stage/dns.h"
#include "stage/http.h"
#include "stage/http_host.h"
#include "stage/http_path.h"
#include "stage/mqtt.h"
#include "stage/not_matcher.h"
#include "stage/postgres.h"
#include "stage/prefix.h"
#include "stage/proxy_header.h"
#include "stage/quic.h"
#include "stage/regexp.h"
#include "stage/remote_address.h"
#include "stage/silent.h"
#include "stage/sni.h"
#include "stage/ssh.h"
#include "stage/stun_binding.h"
#include "stage/tls.h"
#include "stage/wireguard.h"

namespace millrace {
namespace {

std::vector<std::string> readTexts(JsValue from) {
  std::vector<std::string> texts;
  for (uint32_t i = 0; i < from.length(); ++i) texts.push_back(from.at(i).text());
  return texts;
}

bool readNames(JsValue from, std::string& why, NameSet& out) {
  for (const std::string& name : readTexts(from)) {
    if (!out.add(name)) return fail(why, "name " + name);
  }
  return true;
}

template <class Made>
MatcherPtr make(JsValue, std::string&) {
  return std::make_unique<Made>();
}

MatcherPtr makeRemoteAddress(JsValue from, std::string& why, std::span<const NetworkFile> files) {
  auto networks = readNetworks(from, "cidrs", why, files);
  return networks ? std::make_unique<RemoteAddressMatcher>(std::move(*networks)) : nullptr;
}

MatcherPtr makePrefix(JsValue from, std::string&) {
  const auto bytes = from.get("bytes").bytes();
  return std::make_unique<PrefixMatcher>(std::vector<uint8_t>(bytes.begin(), bytes.end()));
}

MatcherPtr makeSni(JsValue from, std::string& why) {
  NameSet names;
  return readNames(from.get("names"), why, names) ? std::make_unique<SniMatcher>(std::move(names)) : nullptr;
}

MatcherPtr makeHttpHost(JsValue from, std::string& why) {
  NameSet hosts;
  if (!readNames(from.get("names"), why, hosts)) return nullptr;
  char buffer[256];
  for (const std::string& address : readTexts(from.get("addresses"))) {
    if (!hosts.addAsIs(formatIp(address, buffer))) return fail(why, "address " + address), nullptr;
  }
  return std::make_unique<HttpHostMatcher>(std::move(hosts));
}

MatcherPtr makeHttpPath(JsValue from, std::string&) { return std::make_unique<HttpPathMatcher>(readTexts(from.get("paths"))); }

MatcherPtr makeHttp(JsValue from, std::string&) { return std::make_unique<HttpMatcher>(from.get("http1").boolean(), from.get("http2").boolean()); }

MatcherPtr makeAlpn(JsValue from, std::string&) { return std::make_unique<AlpnMatcher>(readTexts(from.get("protocols"))); }

MatcherPtr makeQuic(JsValue from, std::string&) {
  std::vector<uint32_t> versions;
  const JsValue list = from.get("versions");
  for (uint32_t i = 0; i < list.length(); ++i) versions.push_back(uint32_t(list.at(i).whole()));
  return std::make_unique<QuicMatcher>(std::move(versions));
}

ByteSet readByteSet(std::span<const uint8_t> bits) {
  ByteSet set;
  for (size_t byte = 0; byte < std::min(set.size(), bits.size() * 8); ++byte) set[byte] = bits[byte / 8] >> (byte % 8) & 1;
  return set;
}

MatcherPtr makeRegexp(JsValue from, std::string&) {
  std::vector<RegexpInstruction> instructions;
  std::vector<ByteSet> sets;
  const JsValue code = from.get("code"), list = from.get("sets");
  for (uint32_t i = 0; i + 2 < code.length(); i += 3) {
    instructions.push_back({RegexpOp(code.at(i).whole()), uint16_t(code.at(i + 1).whole()), uint16_t(code.at(i + 2).whole())});
  }
  for (uint32_t i = 0; i < list.length(); ++i) sets.push_back(readByteSet(list.at(i).bytes()));
  return std::make_unique<RegexpMatcher>(RegexpProgram(std::move(instructions), std::move(sets), uint32_t(from.get("maxBytes").whole())));
}

MatcherPtr makeSilent(JsValue from, std::string&) { return std::make_unique<SilentMatcher>(uint32_t(from.get("afterMs").whole())); }

MatcherPtr makeNot(JsValue from, std::string& why, std::span<const NetworkFile> files) {
  MatcherPtr inner = readMatcher(from.get("matcher"), why, files);
  return inner ? std::make_unique<NotMatcher>(std::move(inner)) : nullptr;
}

MatcherPtr makeAny(JsValue from, std::string& why, std::span<const NetworkFile> files) {
  std::vector<MatcherPtr> inner;
  const JsValue matchers = from.get("matchers");
  for (uint32_t i = 0; i < matchers.length(); ++i) {
    inner.push_back(readMatcher(matchers.at(i), why, files));
    if (!inner.back()) return nullptr;
  }
  return std::make_unique<AnyMatcher>(std::move(inner));
}

constexpr std::pair<const char*, MatcherPtr (*)(JsValue, std::string&, std::span<const NetworkFile>)> makersWithFiles[] = {
    {"any", makeAny},
    {"not", makeNot},
    {"remoteAddress", makeRemoteAddress},
};

constexpr std::pair<const char*, MatcherPtr (*)(JsValue, std::string&)> makers[] = {
    {"alpn", makeAlpn},
    {"dns", make<DnsMatcher>},
    {"http", makeHttp},
    {"httpHost", makeHttpHost},
    {"httpPath", makeHttpPath},
    {"mqtt", make<MqttMatcher>},
    {"postgres", make<PostgresMatcher>},
    {"prefix", makePrefix},
    {"proxyHeader", make<ProxyHeaderMatcher>},
    {"quic", makeQuic},
    {"regexp", makeRegexp},
    {"silent", makeSilent},
    {"sni", makeSni},
    {"ssh", make<SshMatcher>},
    {"stunBinding", make<StunBindingMatcher>},
    {"tls", make<TlsMatcher>},
    {"wireguard", make<WireguardMatcher>},
};

}  // namespace

MatcherPtr readMatcher(JsValue from, std::string& why, std::span<const NetworkFile> files) {
  const std::string op = from.get("op").text();
  for (const auto& [name, maker] : makersWithFiles) {
    if (op == name) return maker(from, why, files);
  }
  for (const auto& [name, maker] : makers) {
    if (op == name) return maker(from, why);
  }
  return fail(why, "matcher " + op), nullptr;
}

bool readCidrs(JsValue from, std::string& why, CidrSet& out) {
  for (uint32_t i = 0; i < from.length(); ++i) {
    Cidr cidr;
    const std::string one = from.at(i).text();
    if (!CidrSet::parse(one, cidr)) return fail(why, "CIDR " + one);
    out.add(cidr);
  }
  out.seal();
  return true;
}

std::optional<Networks> readNetworks(JsValue from, const char* cidrs, std::string& why, std::span<const NetworkFile> files) {
  CidrSet named;
  if (!readCidrs(from.get(cidrs), why, named)) return std::nullopt;
  std::vector<std::shared_ptr<const CidrSet>> found;
  for (const std::string& path : readTexts(from.get("files"))) {
    const auto file = std::find_if(files.begin(), files.end(), [&](const NetworkFile& one) { return one.path == path; });
    if (file == files.end()) return fail(why, "file " + path), std::nullopt;
    found.push_back(file->networks);
  }
  return Networks(std::move(named), std::move(found));
}

bool fail(std::string& why, const std::string& what) {
  if (why.empty()) why = "millrace: the addon was given a plan it cannot read: " + what;
  return false;
}

}  // namespace millrace
