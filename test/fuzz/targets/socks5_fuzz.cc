// Every message of SOCKS5 that is read, by a byte that says which, and what the writers make of what was read.
#include <string>

#include "properties.h"
#include "stage/login.h"
#include "stage/socks5.h"

using namespace millrace;

namespace {

struct Said {
  SocksState state;
  size_t bytes;
  std::string text;
  bool operator==(const Said&) const = default;
};

constexpr auto stays = untilDecided<SocksState::more>;

Said about(SocksState state, size_t bytes, Input head, std::string text) {
  hold(bytes <= head.size(), "a message is no longer than what is there");
  hold((bytes > 0) == (state == SocksState::whole), "and has a length where it is whole");
  return {state, bytes, std::move(text)};
}

std::string textOf(const SocksAddress& at) { return std::string(reinterpret_cast<const char*>(&at.address), sizeof at.address) + std::string(at.name) + (at.unknownType ? "?" : ""); }

Said readGreeting(Input head) {
  const SocksGreeting it = readSocksGreeting(head);
  return about(it.state, it.bytes, head, {it.noLogin, it.login});
}

Said readLogin(Input head) {
  const SocksLogin it = readSocksLogin(head);
  return about(it.state, it.bytes, head, std::string(it.name) + '\0' + std::string(it.password));
}

Said readCall(Input head) {
  const SocksCall it = readSocksCall(head);
  return about(it.state, it.bytes, head, it.state == SocksState::more ? "" : std::to_string(it.at.unknownType) + (it.state == SocksState::whole ? char(it.code) + textOf(it.at) : ""));
}

Said readMethod(Input head) {
  const SocksChoice it = readSocksMethod(head);
  return about(it.state, it.state == SocksState::whole ? 2 : 0, head, {char(it.value)});
}

Said readLoginAnswer(Input head) {
  const SocksChoice it = readSocksLoginAnswer(head);
  return about(it.state, it.state == SocksState::whole ? 2 : 0, head, {char(it.value)});
}

void login(Input input) {
  if (atEveryCut(input, readLogin, stays).state != SocksState::whole) return;
  const SocksLogin read = readSocksLogin(input);
  hold(!read.name.empty() && read.name.size() + read.password.size() + 3 == read.bytes, "a login is a name and a password");
  const std::vector<Login> users = {{std::string(read.name) + "x", std::string(read.password), ""}, {std::string(read.name), std::string(read.password), ""}};
  hold(findLogin(users, read.name, read.password) == 1 && findLogin(std::span(users).first(1), read.name, read.password) == 1, "only both together are known");
  SocksBuffer buffer;
  const Input written = writeSocksLogin(read.name, read.password, buffer);
  hold(std::equal(written.begin(), written.end(), input.begin(), input.begin() + long(read.bytes)), "what is written is what was read");
}

void call(Input input) {
  if (atEveryCut(input, readCall, stays).state != SocksState::whole) return;
  const SocksCall read = readSocksCall(input);
  const auto destination = read.at.destination();
  hold(!destination || destination->port() == read.at.address.portNumber(), "the port is the one that stands there");
  if (!destination) return;
  SocksBuffer buffer;
  const SocksCall again = readSocksCall(writeSocksRequest(read.code, *destination, buffer));
  hold(again.state == SocksState::whole && again.code == read.code && again.at.destination() == destination, "what is written is read as it was meant");
  if (destination->isName()) return;
  const SocksCall reply = readSocksCall(writeSocksReply(read.code, destination->address(), buffer));
  hold(reply.state == SocksState::whole && reply.at.destination() == destination, "so is a reply");
}

void datagram(Input input) {
  const auto [bytes, destination] = exactly(input, [](Input head) {
    const SocksDatagram it = readSocksDatagram(head);
    hold(it.state != SocksState::more && it.bytes <= head.size(), "a datagram is whole");
    return std::pair(it.bytes, it.state == SocksState::whole ? it.at.destination() : std::nullopt);
  });
  hold(bytes == 0 || (input[0] == 0 && input[1] == 0 && input[2] == 0), "no fragment, and nothing that is reserved");
  if (!destination || destination->isName()) return;
  SocksBuffer buffer;
  hold(readSocksDatagram(writeSocksDatagramHeader(destination->address(), buffer)).at.destination() == destination, "its head is read as it was meant");
}

}  // namespace

void fuzz(Input input) {
  if (input.empty()) return;
  const Input message = input.subspan(1);
  switch (input[0] % 6) {
    case 0: atEveryCut(message, readGreeting, stays); break;
    case 1: login(message); break;
    case 2: call(message); break;
    case 3: atEveryCut(message, readMethod, stays); break;
    case 4: atEveryCut(message, readLoginAnswer, stays); break;
    default: datagram(message);
  }
}
