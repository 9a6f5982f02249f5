// Networks: those that a plan names, and those of files that it names, which are replaced when a file changes (lib/address-file.ts). Owns the former and shares the latter with the
// plan (Plan::files), where Engine::setNetworks puts another list in the place of the old one. All sets are sealed. One loop's thread only, once there is a file.
#pragma once

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/cidr.h"

namespace millrace {

struct NetworkFile {
  std::string path;
  std::shared_ptr<CidrSet> networks;
};

class Networks {
 public:
  Networks(CidrSet named, std::vector<std::shared_ptr<const CidrSet>> files = {}) : named_(std::move(named)), files_(std::move(files)) {}

  bool contains(const PeerAddress& peer) const {
    return named_.contains(peer) || std::any_of(files_.begin(), files_.end(), [&](const auto& file) { return file->contains(peer); });
  }

 private:
  CidrSet named_;
  std::vector<std::shared_ptr<const CidrSet>> files_;
};

}  // namespace millrace
