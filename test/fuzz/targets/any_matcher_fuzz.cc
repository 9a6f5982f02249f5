// Trees of `any`, `not` and `prefix`: bytes of the input describe one, what is left is the head.
#include <string>

#include "properties.h"
#include "stage/any_matcher.h"
#include "stage/not_matcher.h"
#include "stage/prefix.h"

using namespace millrace;

namespace {

struct Node {
  enum class Kind : uint8_t { prefix, any, inverse } kind = Kind::prefix;
  Bytes bytes = {};
  std::vector<Node> children = {};
};

Node describe(Input& input, int depth) {
  const auto byte = [&] {
    const uint8_t first = input.empty() ? 0 : input[0];
    input = input.subspan(input.empty() ? 0 : 1);
    return first;
  };
  const uint8_t first = byte();
  Node node;
  if (depth > 0 && first % 4 == 1) {
    node.kind = Node::Kind::inverse;
    node.children.push_back(describe(input, depth - 1));
  } else if (depth > 0 && first % 4 == 2) {
    node.kind = Node::Kind::any;
    for (int left = first / 4 % 5; left > 0; --left) node.children.push_back(describe(input, depth - 1));
  } else {
    for (int left = first / 4 % 8; left > 0 && !input.empty(); --left) node.bytes.push_back(byte());
  }
  return node;
}

MatcherPtr make(const Node& node) {
  std::vector<MatcherPtr> children;
  for (const Node& child : node.children) children.push_back(make(child));
  switch (node.kind) {
    case Node::Kind::prefix: return std::make_unique<PrefixMatcher>(node.bytes);
    case Node::Kind::any: return std::make_unique<AnyMatcher>(std::move(children));
    case Node::Kind::inverse: break;
  }
  return std::make_unique<NotMatcher>(std::move(children[0]));
}

/// Kleene's logic once more: a prefix is known when it is there or differs, yes is stronger than more in `any`, and more than no.
Match expected(const Node& node, Input head) {
  switch (node.kind) {
    case Node::Kind::prefix: return textOf(head).starts_with(textOf(node.bytes)) ? Match::yes : textOf(node.bytes).starts_with(textOf(head)) ? Match::more : Match::no;
    case Node::Kind::any: {
      std::vector<Match> answers;
      for (const Node& child : node.children) answers.push_back(expected(child, head));
      for (const Match strongest : {Match::yes, Match::more}) {
        if (std::find(answers.begin(), answers.end(), strongest) != answers.end()) return strongest;
      }
      return Match::no;
    }
    case Node::Kind::inverse: break;
  }
  const Match answer = expected(node.children[0], head);
  return answer == Match::more ? Match::more : answer == Match::yes ? Match::no : Match::yes;
}

/// In two values, when no more bytes will come.
bool holdsAtEnd(const Node& node, Input head) {
  switch (node.kind) {
    case Node::Kind::prefix: return textOf(head).starts_with(textOf(node.bytes));
    case Node::Kind::any: return std::any_of(node.children.begin(), node.children.end(), [&](const Node& child) { return holdsAtEnd(child, head); });
    case Node::Kind::inverse: break;
  }
  return !holdsAtEnd(node.children[0], head);
}

}  // namespace

void fuzz(Input input) {
  const Node node = describe(input, 5);
  const MatcherPtr matcher = make(node);
  const auto read = [&](Input head) {
    const Match now = matcher->match({fuzzPeer, head, false}), last = matcher->match({fuzzPeer, head, true});
    hold(now == expected(node, head), "it is what three values make of it");
    hold(last == (holdsAtEnd(node, head) ? Match::yes : Match::no), "and at the end what two do");
    hold(now == Match::more || now == last, "what is decided stays at the end");
    return now;
  };
  const Match answer = atEveryCut(input, read, untilDecided<Match::more>);
  hold(matcher->readsHead() || answer == ask(*matcher, {}), "what does not read the head is decided without it");
}
