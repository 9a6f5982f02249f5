// The matchers and the two gates over addresses.
#include <cstring>

#include "check.h"
#include "hello_bytes.h"
#include "stage/allow.h"
#include "stage/any_matcher.h"
#include "stage/deny.h"
#include "stage/not_matcher.h"
#include "stage/prefix.h"
#include "stage/remote_address.h"
#include "stage/sni.h"

using namespace millrace;

namespace {

const PeerAddress kPeer{.family = 4, .ip = {10, 0, 0, 1}};

class Always final : public Matcher {
 public:
  explicit Always(Match answer) : answer_(answer) {}
  Match match(const MatchInput&) const override { return answer_; }

 private:
  Match answer_;
};

Bytes bytesOf(std::string_view text) { return Bytes(text.begin(), text.end()); }

Match ask(const Matcher& matcher, const Bytes& head, bool final = false) { return matcher.match({kPeer, head, final}); }

MatcherPtr prefixOf(std::string_view text) { return std::make_unique<PrefixMatcher>(bytesOf(text)); }

CidrSet networks(const char* text) {
  CidrSet set;
  Cidr cidr;
  check(CidrSet::parse(text, cidr), text);
  set.add(cidr);
  set.seal();
  return set;
}

void testKleene() {
  const Match all[] = {Match::no, Match::yes, Match::more};
  for (const Match a : all) {
    const Match negated = a == Match::more ? Match::more : a == Match::yes ? Match::no : Match::yes;
    check(ask(NotMatcher(std::make_unique<Always>(a)), {}) == negated, "not exchanges yes and no and keeps more");
    for (const Match b : all) {
      std::vector<MatcherPtr> pair;
      pair.push_back(std::make_unique<Always>(a));
      pair.push_back(std::make_unique<Always>(b));
      const bool yes = a == Match::yes || b == Match::yes;
      const bool more = a == Match::more || b == Match::more;
      check(ask(AnyMatcher(std::move(pair)), {}) == (yes ? Match::yes : more ? Match::more : Match::no), "any is the strongest of yes, more, no");
    }
  }
  check(ask(AnyMatcher({}), {}) == Match::no, "any of nothing is no");
  check(ask(NotMatcher(prefixOf("GET ")), bytesOf("GE")) == Match::more, "not waits with its matcher");
  check(ask(NotMatcher(prefixOf("GET ")), bytesOf("GE"), true) == Match::yes, "and says yes when no more bytes will come");
}

void testPrefix() {
  const MatcherPtr get = prefixOf("GET ");
  check(ask(*get, {}) == Match::more && ask(*get, bytesOf("GET")) == Match::more, "a prefix waits while the bytes agree");
  check(ask(*get, bytesOf("GET ")) == Match::yes && ask(*get, bytesOf("GET /")) == Match::yes, "says yes once they are all there");
  check(ask(*get, bytesOf("P")) == Match::no && ask(*get, bytesOf("GEX")) == Match::no, "and no at the first that differs");
  check(ask(*get, bytesOf("GET"), true) == Match::no, "a prefix that was not completed is no");
  check(ask(*prefixOf(""), {}) == Match::yes, "the empty prefix is everywhere");
}

void testSni() {
  NameSet names;
  for (const char* name : {"a.example", "Mixed.Example.", "*.b.example", "*.TOP"}) check(names.add(name), name);
  for (const char* bad : {"", ".", "*", "*.", "*.*.example", "a.*.example", "b*.example", "10.0.0.1", "*.10", "::1", "a b", "a..b"}) check(!names.add(bad), bad);
  const SniMatcher sni(std::move(names));
  const auto says = [&](const char* name) { return ask(sni, records(helloMessage(serverName(name)))); };
  for (const char* name : {"a.example", "A.EXAMPLE", "a.example.", "mixed.example", "x.b.example", "X.B.Example", "x.top"}) check(says(name) == Match::yes, name);
  for (const char* name : {"b.example", "x.y.b.example", "xa.example", "a.exampl", "x.a.example", "top", "b.example.top"}) check(says(name) == Match::no, name);

  const Bytes hello = records(helloMessage(serverName("a.example")));
  const Bytes half(hello.begin(), hello.begin() + static_cast<long>(hello.size() / 2));
  check(ask(sni, {}) == Match::more && ask(sni, half) == Match::more, "sni waits for the whole hello");
  check(ask(sni, half, true) == Match::no, "a hello that was not completed is no");
  check(ask(sni, bytesOf("G")) == Match::no, "what is not TLS is no at its first byte");
  check(ask(sni, records(helloMessage(std::nullopt))) == Match::no, "a hello without a name is no");
}

}  // namespace

void testMatchers() {
  testKleene();
  testPrefix();
  testSni();

  PeerAddress local;
  local.family = 1;
  check(ask(RemoteAddressMatcher(networks("10.0.0.0/8")), {}) == Match::yes, "an address is known without a byte");
  check(ask(RemoteAddressMatcher(networks("11.0.0.0/8")), {}) == Match::no, "in another network it is no");
  const AllowGate allow(networks("10.0.0.0/8"));
  const DenyGate deny(networks("10.0.0.0/8"));
  check(allow.admits(kPeer) && !deny.admits(kPeer), "allow admits and deny refuses who is in the network");
  check(!allow.admits(local) && deny.admits(local), "a unix peer is in none");

  const auto file = std::make_shared<CidrSet>(networks("11.0.0.0/8"));
  const Networks both(networks("12.0.0.0/8"), {std::make_shared<const CidrSet>(), file});
  check(!both.contains(kPeer), "in neither");
  *file = networks("10.0.0.0/8");
  check(both.contains(kPeer), "in what a file has now");
  *file = CidrSet();
  check(!both.contains(kPeer), "and not any more");
}
