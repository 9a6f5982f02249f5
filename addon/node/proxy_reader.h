// Reads what a plan says about proxies, ours and those on the way (internal). As matcher_reader.h.
#pragma once
#include "node/matcher_reader.h"
#include "relay/plan.h"

namespace millrace {

Negotiation readNegotiation(JsValue node);
bool readRuleLists(JsValue from, std::string& why, RuleLists& out);
bool readHops(JsValue from, std::string& why, std::vector<Hop>& out);

}  // namespace millrace
