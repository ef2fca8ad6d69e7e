#include "server/cluster/cluster_settings.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "cluster/data/quorum.h"

namespace starling::server {
namespace {

engine::Status read_words(const std::string& setting, const std::vector<std::string>& words,
                          std::vector<std::string>* seeds, std::vector<cluster::BusAddress>* addresses) {
  for (const std::string& word : words) {
    for (size_t from = 0, until = 0; until < word.size(); from = until + 1) {
      until = std::min(word.find(',', from), word.size());
      const std::string seed = word.substr(from, until - from);
      if (seed.empty()) continue;
      if (!parse_bus_address(seed, &addresses->emplace_back()))
        return {engine::StatusCode::kInvalid, "'" + setting + "': '" + seed + "' is not host:busport"};
      seeds->push_back(seed);
    }
  }
  return {};
}

}  // namespace

bool parse_bus_address(const std::string& text, cluster::BusAddress* address) {
  const size_t colon = text.rfind(':');
  if (colon == std::string::npos || colon == 0) return false;
  const char* const end = text.data() + text.size();
  const auto [last, error] = std::from_chars(text.data() + colon + 1, end, address->port);
  address->host = text.substr(0, colon);
  return error == std::errc() && last == end && address->port != 0;
}

bool joins(const Settings& settings) {
  return std::any_of(settings.cluster_join.begin(), settings.cluster_join.end(),
                     [](const std::string& seed) { return !seed.empty(); });
}

engine::Status read_seeds(const Settings& settings, std::vector<std::string>* seeds,
                          std::vector<cluster::BusAddress>* addresses) {
  engine::Status status = read_words("cluster-seeds", settings.cluster_seeds, seeds, addresses);
  return status.ok() ? read_words("cluster-join", settings.cluster_join, seeds, addresses) : status;
}

engine::Status check_quorums(const Settings& settings, int64_t replicas) {
  for (const auto& [setting, level] :
       {std::pair{"quorum-r", &settings.quorum_read}, std::pair{"quorum-w", &settings.quorum_write}}) {
    const auto quorum = cluster::Consistency::parse(level->get());
    if (!quorum || quorum->level != cluster::Level::kNumber || quorum->number <= replicas) continue;
    return {engine::StatusCode::kInvalid, "'" + std::string(setting) + "' is " + level->get() +
                                              ", but there are " + std::to_string(replicas) + " replicas"};
  }
  return {};
}

}  // namespace starling::server
