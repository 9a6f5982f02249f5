// What a sink answers to the messages of a stream (internal): reassembles them and sends the answers back. One loop's thread only.
// A stream has no place to begin anew, so one that is not what its sink speaks is closed: answers first, then FIN. One that asks for more than its
// budget has is reset, as the stage `limit` does: over a stream silence would have the client wait for an answer that never comes.
#pragma once
#include <span>

#include "relay/context.h"

namespace millrace {

/// What the downstream has sent, which counts as consumed.
void answerStream(Context& c, Session& s, std::span<const uint8_t> bytes);

}  // namespace millrace
