#include "server/cluster/loop_obligations.h"

#include <atomic>
#include <memory>
#include <mutex>
#include <utility>

#include "server/cluster/cluster_thread.h"
#include "server/io_thread.h"

namespace starling::server {
namespace {

// Runs `work` on each loop, and then `done` on the first.
void on_each_loop(const std::vector<ClusterThread*>& threads, const std::function<void(ClusterThread&)>& work,
                  const std::function<void()>& done) {
  auto left = std::make_shared<std::atomic<size_t>>(threads.size());
  EventLoop& first = threads.front()->io_thread().loop();
  for (ClusterThread* thread : threads) {
    thread->io_thread().loop().post([thread, work, done, left, &first] {
      work(*thread);
      if (left->fetch_sub(1) == 1) first.post(done);
    });
  }
}

}  // namespace

void mark_obligations(const std::vector<ClusterThread*>& threads, const cluster::OrderedChanges& order,
                      uint64_t number, const std::function<void()>& done) {
  const auto mark = [number, &order](ClusterThread& thread) {
    cluster::Obligations& obligations = thread.obligations();
    obligations.mark(number);
    cluster::PartitionSet handed;
    order.add_handed(static_cast<size_t>(thread.io_thread().index()), &handed);
    cluster::for_each_partition(handed, [&](uint16_t partition) { obligations.note(partition); });
  };
  on_each_loop(
      threads, [](ClusterThread&) {}, [threads, mark, done] { on_each_loop(threads, mark, done); });
}

void gather_obligations(const std::vector<ClusterThread*>& threads, uint64_t number,
                        std::function<void(const cluster::PartitionSet& owed)> done) {
  struct Gathered {
    std::mutex mutex;
    cluster::PartitionSet partitions;
  };
  auto gathered = std::make_shared<Gathered>();
  on_each_loop(
      threads,
      [gathered, number](ClusterThread& thread) {
        cluster::PartitionSet owed;
        thread.coordinator().add_owed(number, &owed);
        std::lock_guard lock(gathered->mutex);
        gathered->partitions |= owed;
      },
      [gathered, done = std::move(done)] { done(gathered->partitions); });
}

}  // namespace starling::server
