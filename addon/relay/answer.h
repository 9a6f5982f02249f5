// What a sink answers to the messages of a stream (internal): reassembles them and sends the answers back. One loop's thread only.
// A stream has no place to begin anew, so one that is not what its sink speaks is closed: answers first, then FIN.
#pragma once
#include <span>

#include "relay/context.h"

namespace millrace {

/// What the downstream has sent, which counts as consumed.
void answerStream(Context& c, Session& s, std::span<const uint8_t> bytes);

}  // namespace millrace
