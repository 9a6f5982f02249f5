// Reads the matchers of a plan, and what they and other nodes are made of, out of the plain data of lib/plan.ts (internal). Called at set-up, on the JS thread.
// What lib hands down has been checked, so what cannot be read is a bug of ours, or belongs to a worker that is being terminated: `why` says what it was.
#pragma once
#include <optional>
#include <span>
#include <string>

#include "node/js_value.h"
#include "stage/matcher.h"
#include "stage/networks.h"

namespace millrace {

/// Null where it cannot be read.
MatcherPtr readMatcher(JsValue from, std::string& why, std::span<const NetworkFile> files);
bool readCidrs(JsValue from, std::string& why, CidrSet& out);
/// Those that it names under `cidrs`, and those of its files.
std::optional<Networks> readNetworks(JsValue from, const char* cidrs, std::string& why, std::span<const NetworkFile> files);
/// Says what cannot be read, unless something has been said; returns false.
bool fail(std::string& why, const std::string& what);

}  // namespace millrace
