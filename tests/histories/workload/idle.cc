// A moment of writes of which things are left to do later (expiry, tombstones, what others missed), then silence but
// for reads, each of which must be answered.
#include <atomic>

#include "histories/workload/workload.h"

namespace starling::histories {
namespace {

constexpr Time kWrites = kSecond;
constexpr Time kPeriod = 18 * kSecond;
constexpr uint64_t kKeys = 20;

class Idle : public Workload {
 public:
  Idle() : Workload("idle") {}

  void step(Client& client) override {
    Time none = -1;
    began_.compare_exchange_strong(none, now());
    if ((now() - began_) % kPeriod < kWrites) return write(client);
    client.pause(100'000, 300'000);
    if ((now() - began_) % kPeriod < kWrites) return;
    Operation operation;
    operation.key = key(client.below(kKeys));
    const Answer answer = client.call(client.any_node(), {"GET", operation.key});
    operation.returned = answer.reply.value();
    client.note(std::move(operation), answer);
  }

  // That all is answered is asked of all workloads.
  Violations check(const History&) const override { return {}; }

 private:
  void write(Client& client) {
    Operation operation;
    operation.kind = Kind::kWrite;
    operation.key = key(client.below(kKeys));
    const uint64_t dice = client.below(4);
    if (dice != 0) operation.put = client.fresh();
    const Words words = dice == 0   ? Words{"DEL", operation.key}
                        : dice == 1 ? Words{"SET", operation.key, *operation.put}
                                    : Words{"SET", operation.key, *operation.put, "PX",
                                            std::to_string(200 + client.below(6'000))};
    client.note(std::move(operation), client.call(client.any_node(), words));
    client.pause(1'000, 20'000);
  }

  std::atomic<Time> began_ = -1;
};

}  // namespace

std::unique_ptr<Workload> make_idle() {
  return std::make_unique<Idle>();
}

}  // namespace starling::histories
