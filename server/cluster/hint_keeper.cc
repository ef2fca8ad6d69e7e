#include "server/cluster/hint_keeper.h"

#include <algorithm>

#include "cluster/data_messages.h"

namespace starling::server {
namespace {

// A key is kept twice (in order, and to be found), with the overhead of both containers.
size_t bytes_of(const Hint& hint) {
  return 2 * (sizeof(Hint) + hint.key.size()) + 16;
}

}  // namespace

void HintKeeper::add(Queue& queue, Hint hint, bool bounded) {
  if (queue.known.contains(hint)) return;
  if (bounded && bytes_ + bytes_of(hint) > max_bytes_) {
    ++dropped_;
    return;
  }
  bytes_ += bytes_of(hint);
  queue.known.insert(hint);
  queue.order.push_back(std::move(hint));
}

void HintKeeper::keep(const cluster::NodeId& target, std::string_view keys) {
  std::lock_guard lock(mutex_);
  Queue& queue = queues_[target];
  cluster::MessageReader reader(keys);
  cluster::KeyName name;
  while (!reader.at_end() && reader.read_key(&name)) {
    ++kept_;
    add(queue, {name.database, std::string(name.key)}, true);
  }
}

std::vector<Hint> HintKeeper::take(const cluster::NodeId& target, size_t count) {
  std::lock_guard lock(mutex_);
  std::vector<Hint> taken;
  const auto found = queues_.find(target);
  if (found == queues_.end()) return taken;
  Queue& queue = found->second;
  while (!queue.order.empty() && taken.size() < count) {
    taken.push_back(std::move(queue.order.front()));
    queue.order.pop_front();
    queue.known.erase(taken.back());
    bytes_ -= bytes_of(taken.back());
  }
  return taken;
}

void HintKeeper::restore(const cluster::NodeId& target, Hint hint) {
  std::lock_guard lock(mutex_);
  // It was within the bound before.
  add(queues_[target], std::move(hint), false);
}

size_t HintKeeper::waiting(const cluster::NodeId& target) const {
  std::lock_guard lock(mutex_);
  const auto found = queues_.find(target);
  return found == queues_.end() ? 0 : found->second.order.size();
}

HintReport HintKeeper::report() const {
  std::lock_guard lock(mutex_);
  HintReport report;
  for (const auto& [target, queue] : queues_) report.waiting += queue.order.size();
  report.bytes = bytes_;
  report.kept = kept_;
  report.delivered = report_delivered_;
  report.dropped = dropped_;
  return report;
}

}  // namespace starling::server
