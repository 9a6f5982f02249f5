// What every fuzz target holds its parser to. A broken promise ends the process, and libFuzzer keeps the input.
// A target defines `fuzz`, includes the headers of the parsers it is for (a test reads that off), and stays outside the namespace millrace: the edges of
// functions in it are what coverage counts.
#pragma once

#include <cstdio>
#include <cstdlib>
#include <span>
#include <vector>

#include "leaves/exactly.h"
#include "stage/matcher.h"

using Bytes = std::vector<uint8_t>;
using Input = std::span<const uint8_t>;

/// One input: anything, of any length up to some thousand bytes. To be judged by nothing else, or a crash could not be repeated.
void fuzz(Input input);

// Clang 14 has no std::source_location.
inline void hold(bool holds, const char* what, const char* file = __builtin_FILE(), int line = __builtin_LINE()) {
  if (holds) return;
  std::fprintf(stderr, "%s:%d: does not hold: %s\n", file, line, what);
  std::abort();
}

/// Lengths at which an input is cut, ascending, from 0 to the whole: every one of a short input, and of a long one those at its two ends and some that its bytes choose.
std::vector<size_t> cutsOf(Input input);

/// The answer to the whole input, after it was held against those to its beginnings: `stays(before, now)` says whether `now` may be the answer to more than what
/// was answered `before`. `read` gives an answer that owns what it says.
template <class Read, class Stays>
auto atEveryCut(Input input, Read&& read, Stays&& stays) {
  auto answer = exactly({}, read);
  const auto goesOn = [&](Input head) {
    auto now = exactly(head, read);
    hold(stays(answer, now), "an answer does not change when bytes are added");
    answer = std::move(now);
  };
  for (const size_t length : cutsOf(input)) goesOn(input.first(length));
  auto whole = answer;
  Bytes followed(input.begin(), input.end());
  followed.insert(followed.end(), input.begin(), input.end());
  goesOn(followed);
  return whole;
}

/// The `stays` of a parser that answers `more` until one answer, which then stays whatever follows. Where answers are structs, `more` is one of their states.
template <auto more>
constexpr auto untilDecided = [](const auto& before, const auto& now) {
  if constexpr (requires { before.state; }) {
    return before.state == more || now == before;
  } else {
    return before == more || now == before;
  }
};

inline constexpr millrace::PeerAddress fuzzPeer{.family = 4, .ip = {192, 0, 2, 1}};

inline millrace::Match ask(const millrace::Matcher& matcher, Input head, bool final = false, bool datagram = false) {
  return exactly(head, [&](Input bytes) { return matcher.match({fuzzPeer, bytes, final, datagram}); });
}

/// A matcher's answer to a stream that begins like this, after it was held to what stage/matcher.h promises. `decidedBy`: the bytes with which it has an answer.
inline millrace::Match atEveryCut(const millrace::Matcher& matcher, Input input, size_t decidedBy = SIZE_MAX) {
  using millrace::Match;
  ask(matcher, input, true, true);
  const auto read = [&](Input head) {
    const Match now = matcher.match({fuzzPeer, head, false});
    hold(matcher.match({fuzzPeer, head, true}) == (now == Match::more ? Match::no : now), "what is not decided at the end is no");
    hold(now != Match::more || head.size() < decidedBy, "it is decided by the bytes that suffice");
    return now;
  };
  return atEveryCut(input, read, untilDecided<Match::more>);
}

inline std::string_view textOf(Input bytes) { return {reinterpret_cast<const char*>(bytes.data()), bytes.size()}; }
