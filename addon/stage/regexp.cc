#include "stage/regexp.h"

#include <algorithm>

namespace millrace {
namespace {

// Beside a byte: what there is before the first and behind the last, and what has not come yet.
constexpr int nothing = -1, unknown = -2;

bool isLineEnd(int byte) { return byte == '\n' || byte == '\r'; }

bool isWord(int byte) { return (byte >= '0' && byte <= '9') || (byte >= 'A' && byte <= 'Z') || byte == '_' || (byte >= 'a' && byte <= 'z'); }

/// Whether the place between two bytes is such an edge; `more` where that is up to a byte that is not known.
Match holds(RegexpEdge edge, int before, int after) {
  const auto said = [](bool yes) { return yes ? Match::yes : Match::no; };
  switch (edge) {
    case RegexpEdge::begin: return said(before == nothing);
    case RegexpEdge::lineBegin: return said(before == nothing || isLineEnd(before));
    default: break;
  }
  if (after == unknown) return Match::more;
  switch (edge) {
    case RegexpEdge::end: return said(after == nothing);
    case RegexpEdge::lineEnd: return said(after == nothing || isLineEnd(after));
    case RegexpEdge::word: return said(isWord(before) != isWord(after));
    default: return said(isWord(before) == isWord(after));
  }
}

}  // namespace

RegexpProgram::RegexpProgram(std::vector<RegexpInstruction> instructions, std::vector<ByteSet> byteSets, uint32_t most)
    : code(std::move(instructions)), sets(std::move(byteSets)), maxBytes(most) {
  const auto reaches = [this](size_t at) {
    const RegexpInstruction& it = code[at];
    switch (it.op) {
      case RegexpOp::set: return sets[it.x].any() && leads_[at + 1];
      case RegexpOp::split: return leads_[it.x] || leads_[it.y];
      case RegexpOp::jump: return bool(leads_[it.x]);
      case RegexpOp::assert: return bool(leads_[at + 1]);
      case RegexpOp::match: return true;
    }
    return false;
  };
  for (bool changed = true; changed;) {
    changed = false;
    for (size_t at = code.size(); at-- > 0;) {
      if (leads_[at] || !reaches(at)) continue;
      leads_[at] = true;
      changed = true;
    }
  }
  anchored_ = !canBeginLater();
}

/// Whether there is a way from the first instruction to a byte or the end that does not need the beginning.
bool RegexpProgram::canBeginLater() const {
  std::bitset<mostInstructions> seen;
  std::vector<uint16_t> open;
  const auto enter = [&](size_t at) {
    if (!leads_[at] || seen[at]) return;
    seen[at] = true;
    open.push_back(uint16_t(at));
  };
  for (enter(0); !open.empty();) {
    const uint16_t at = open.back();
    open.pop_back();
    const RegexpInstruction& it = code[at];
    switch (it.op) {
      case RegexpOp::set:
      case RegexpOp::match: return true;
      case RegexpOp::split: enter(it.y); [[fallthrough]];
      case RegexpOp::jump: enter(it.x); break;
      case RegexpOp::assert:
        if (RegexpEdge(it.x) != RegexpEdge::begin) enter(at + 1u);
        break;
    }
  }
  return false;
}

void RegexpRun::enter(uint16_t at) {
  if (!program_.leads(at) || seen_[at]) return;
  seen_[at] = true;
  places_[entered_++] = at;
}

/// From where the threads have been entered to the bytes that they wait for.
void RegexpRun::follow(int before, int after) {
  waiting_ = 0;
  waits_ = false;
  for (size_t i = 0; i < entered_; ++i) {
    ++steps_;
    const uint16_t at = places_[i];
    const RegexpInstruction& it = program_.code[at];
    switch (it.op) {
      case RegexpOp::set: takers_[waiting_++] = at; break;
      case RegexpOp::split: enter(it.x), enter(it.y); break;
      case RegexpOp::jump: enter(it.x); break;
      case RegexpOp::match: matched_ = true; return;
      case RegexpOp::assert: {
        const Match edge = holds(RegexpEdge(it.x), before, after);
        if (edge == Match::yes) enter(uint16_t(at + 1));
        else if (edge == Match::more) waits_ = true;
        break;
      }
    }
  }
}

void RegexpRun::take(uint8_t byte) {
  entered_ = 0;
  seen_.reset();
  for (size_t i = 0; i < waiting_; ++i) {
    ++steps_;
    const uint16_t at = takers_[i];
    if (program_.sets[program_.code[at].x][byte]) enter(uint16_t(at + 1));
  }
}

Match RegexpRun::over(std::span<const uint8_t> head, bool final) {
  const size_t length = std::min<size_t>(head.size(), program_.maxBytes);
  int before = nothing;
  for (size_t at = 0;; ++at) {
    const int after = at < head.size() ? head[at] : final ? nothing : unknown;
    if (at == 0 || !program_.anchored()) enter(0);
    follow(before, after);
    if (matched_) return Match::yes;
    if (at == length) break;
    if (waiting_ == 0 && program_.anchored()) return Match::no;
    take(head[at]);
    before = head[at];
  }
  if (final || head.size() > length) return Match::no;
  if (waits_) return Match::more;
  // What waits for a byte gets none beyond maxBytes.
  return length == program_.maxBytes || (waiting_ == 0 && program_.anchored()) ? Match::no : Match::more;
}

}  // namespace millrace
