// Keys with a time to live, each written once and looked at through all nodes until after its death.
#include <mutex>
#include <vector>

#include "histories/workload/workload.h"

namespace starling::histories {
namespace {

// Keys that are looked at.
constexpr size_t kRecent = 40;

class Expiry : public Workload {
 public:
  explicit Expiry(Time margin) : Workload("expiry"), margin_(margin) {}

  void step(Client& client) override {
    if (client.chance(10)) return put(client);
    std::string name;
    {
      const std::lock_guard lock(mutex_);
      if (recent_.empty()) return;
      name = recent_[client.below(recent_.size())];
    }
    look(client, name, client.any_node());
  }

  void finish(Client& client, Time) override {
    for (const std::string& name : recent_) {
      for (int node = 0; node < client.nodes(); ++node) look(client, name, node);
    }
  }

  Violations check(const History& history) const override { return check_expiry(history, margin_); }

 private:
  void put(Client& client) {
    Operation operation;
    operation.kind = Kind::kExpiring;
    const std::string name = key(client.fresh());
    operation.key = name;
    operation.put = client.fresh();
    operation.number = client.chance(40) ? 1'500 + margin_ / 1000 : 5'000;
    const Answer answer =
        client.call(client.any_node(), {"SET", name, *operation.put, "PX", std::to_string(operation.number)});
    client.note(std::move(operation), answer);
    const std::lock_guard lock(mutex_);
    if (recent_.size() < kRecent) {
      recent_.push_back(name);
    } else {
      recent_[oldest_++ % kRecent] = name;
    }
  }

  void look(Client& client, const std::string& name, int node) {
    Operation operation;
    operation.key = name;
    const bool value = client.chance(70);
    operation.kind = value ? Kind::kRead : Kind::kRemaining;
    const Answer answer = client.call(node, {value ? "GET" : "PTTL", name});
    operation.returned = answer.reply.value();
    operation.number = answer.reply.integer;
    client.note(std::move(operation), answer);
  }

  const Time margin_;
  std::mutex mutex_;
  std::vector<std::string> recent_;
  size_t oldest_ = 0;
};

}  // namespace

std::unique_ptr<Workload> make_expiry(Time margin) {
  return std::make_unique<Expiry>(margin);
}

}  // namespace starling::histories
