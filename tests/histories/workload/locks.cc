// Locks: with a time to live and a release, and such as are taken once and for ever.
#include <atomic>

#include "histories/workload/workload.h"

namespace starling::histories {
namespace {

constexpr uint64_t kLocks = 10;

Outcome granted(const Answer& answer, bool yes) {
  return answer.done() && !yes ? Outcome::kRefused : answer.outcome;
}

class Locks : public Workload {
 public:
  explicit Locks(Time margin) : Workload("locks"), margin_(margin) {}

  void step(Client& client) override {
    Operation operation;
    operation.kind = Kind::kAcquire;
    operation.key = key(client.below(kLocks));
    operation.put = client.fresh();
    // Some die, some are given back long before they would.
    const bool gives_back = client.chance(60);
    operation.number = (gives_back ? 10'000 : 800) + margin_ / 1000;
    const std::string lock = operation.key, token = *operation.put;
    Answer answer =
        client.call(client.any_node(), {"SET", lock, token, "NX", "PX", std::to_string(operation.number)});
    answer.outcome = granted(answer, answer.reply.is(Reply::Type::kText));
    const bool mine = answer.done();
    client.note(std::move(operation), answer);
    if (!mine || !gives_back || answer.ended - answer.began > 5 * kSecond) return;
    client.pause(5'000, 40'000);
    Operation release;
    release.kind = Kind::kRelease;
    release.key = lock;
    release.put = token;
    client.note(std::move(release), client.call(client.any_node(), {"DEL", lock}));
  }

  Violations check(const History& history) const override { return check_locks(history, margin_); }

 private:
  const Time margin_;
};

class Once : public Workload {
 public:
  Once() : Workload("once") {}

  void step(Client& client) override {
    // Everybody tries the newest for a while, and some older ones again.
    if (client.chance(8)) ++newest_;
    const uint64_t newest = newest_;
    take(client, newest - client.below(std::min<uint64_t>(newest, client.chance(70) ? 3 : 200) + 1),
         client.any_node());
  }

  void finish(Client& client, Time) override {
    for (uint64_t lock = 0; lock <= newest_; ++lock) take(client, lock, client.any_node());
  }

  Violations check(const History& history) const override { return check_locks(history, 0); }

 private:
  void take(Client& client, uint64_t lock, int node) {
    Operation operation;
    operation.kind = Kind::kAcquire;
    operation.key = key(lock);
    operation.put = client.fresh();
    Answer answer = client.call(node, {"SETNX", operation.key, *operation.put});
    answer.outcome = granted(answer, answer.reply.integer == 1);
    client.note(std::move(operation), answer);
  }

  std::atomic<uint64_t> newest_ = 0;
};

}  // namespace

std::unique_ptr<Workload> make_locks(Time margin) {
  return std::make_unique<Locks>(margin);
}
std::unique_ptr<Workload> make_once() {
  return std::make_unique<Once>();
}

}  // namespace starling::histories
