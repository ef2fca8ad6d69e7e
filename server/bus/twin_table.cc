#include "server/bus/twin_table.h"

#include "cluster/wire/short_id.h"
#include "server/process/node_names.h"

namespace starling::server {

TwinTable& TwinTable::of_process() {
  static TwinTable table;
  return table;
}

std::string TwinTable::note(const cluster::NodeId& node, const std::string& connected_at,
                            const std::string& second_at, int64_t now_ms) {
  std::lock_guard lock(mutex_);
  absl::erase_if(twins_, [&](const auto& entry) { return now_ms - entry.second.seen_ms >= kForgetMs; });
  twins_[node] = {node_name(node) + " is two processes, on the bus at " + connected_at + " and at " +
                      second_at + ": one runs on a copy of the other's directory. Stop the one at " +
                      second_at,
                  now_ms};
  // In few words: a refusal has room for 200 bytes.
  return "is a second process of node " + cluster::short_id(node) + " beside the one at " + connected_at +
         ". Stop the one at " + second_at + ": their directories are copies";
}

void TwinTable::forget(const cluster::NodeId& node) {
  std::lock_guard lock(mutex_);
  twins_.erase(node);
}

std::string TwinTable::complaint(const cluster::NodeId& node, int64_t now_ms) const {
  std::lock_guard lock(mutex_);
  const auto found = twins_.find(node);
  return found == twins_.end() || now_ms - found->second.seen_ms >= kForgetMs ? "" : found->second.text;
}

}  // namespace starling::server
