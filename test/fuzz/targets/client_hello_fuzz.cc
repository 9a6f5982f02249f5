// The reader of a ClientHello beside a naive one, and the matchers that ask it.
#include <string>

#include "leaves/hello_bytes.h"
#include "properties.h"
#include "stage/alpn.h"
#include "stage/client_hello.h"
#include "stage/sni.h"
#include "stage/tls.h"

using namespace millrace;
using State = ClientHello::State;

namespace {

struct Hello {
  State state;
  std::string name, protocols;
  Match tls, sni, alpn;
  bool operator==(const Hello&) const = default;
};

const SniMatcher sni([] {
  NameSet names;
  names.add("a.example");
  names.add("*.b.example");
  return names;
}());
const AlpnMatcher alpn({"h2", "acme-tls/1"});

Hello readHello(Input head) {
  char name[256], protocols[256];  // each alone, so that ASan sees what is written behind it
  const ClientHello hello = readClientHello(head, name, protocols);
  const MatchInput input{fuzzPeer, head, false}, last{fuzzPeer, head, true};
  const ClientHello& kept = input.hello.of(head);
  hold(kept.state == hello.state && kept.name == hello.name && kept.protocols == hello.protocols, "what is kept is what was read");
  const Hello answer{hello.state, std::string(hello.name), std::string(hello.protocols), TlsMatcher().match(input), sni.match(input), alpn.match(input)};
  for (const Match now : {answer.tls, answer.sni, answer.alpn}) hold((now == Match::more) == (hello.state == State::more), "matchers wait as long as the reader does");
  const auto atEnd = [](Match now) { return now == Match::more ? Match::no : now; };
  hold(TlsMatcher().match(last) == atEnd(answer.tls) && sni.match(last) == atEnd(answer.sni) && alpn.match(last) == atEnd(answer.alpn), "what is not decided at the end is no");
  return answer;
}

/// Of a whole hello, read a second time with plain offsets: what its lengths announce is there, and nothing else.
void lengthsHold(const Bytes& hello) {
  const auto one = [&](size_t at) { return at < hello.size() ? size_t(hello[at]) : (hold(false, "a length is within the hello"), 0); };
  const auto two = [&](size_t at) { return one(at) << 8 | one(at + 1); };
  size_t at = 4 + 34;
  at += 1 + one(at);
  at += 2 + two(at);
  at += 1 + one(at);
  if (at == hello.size()) return;
  hold(at + 2 + two(at) == hello.size(), "the extensions end with the hello");
  for (at += 2; at < hello.size();) {
    const size_t begins = at + 4, end = begins + two(at + 2);
    hold(end <= hello.size(), "an extension is within the extensions");
    if (two(at) == 0 || two(at) == 16) hold(end - begins > 2 && begins + 2 + two(begins) == end, "a list is all of its extension");
    for (size_t protocol = begins + 2; two(at) == 16 && protocol < end; protocol += 1 + one(protocol)) hold(one(protocol) > 0 && protocol + 1 + one(protocol) <= end, "a protocol is within its list");
    at = end;
  }
}

}  // namespace

void fuzz(Input input) {
  const Hello hello = atEveryCut(input, readHello, untilDecided<State::more>);
  const auto naive = naiveName(input);
  hold((hello.state == State::sni) == naive.has_value() && (!naive || *naive == hello.name), "it is read as the naive reader reads it");
  const bool whole = hello.state == State::sni || hello.state == State::noSni || hello.state == State::badSni;
  hold((hello.tls == Match::yes) == whole, "a whole hello is TLS");
  const auto message = messageIn(input);
  hold(!whole || message, "a whole hello is there");
  hold(!message || hello.state != State::more, "a message that is there is not waited for");
  if (whole) lengthsHold(*message);
  hold(whole || (hello.name.empty() && hello.protocols.empty()), "nothing is told of one that is not whole");
  hold((hello.sni == Match::yes) == (hello.name == "a.example" || (hello.name.ends_with(".b.example") && hello.name.find('.') == hello.name.size() - 10)), "sni asks for the name");
  bool offered = false;
  for (size_t at = 0; at < hello.protocols.size();) {
    const size_t length = uint8_t(hello.protocols[at]);
    hold(length > 0 && at + 1 + length <= hello.protocols.size(), "protocols stand behind their lengths");
    const std::string protocol = hello.protocols.substr(at + 1, length);
    offered = offered || protocol == "h2" || protocol == "acme-tls/1";
    at += 1 + length;
  }
  hold((hello.alpn == Match::yes) == offered, "alpn asks for one that is offered");
}
