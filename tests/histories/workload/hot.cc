// One big set, or hash, that everybody writes to, as fast as they can.
#include "histories/workload/workload.h"

namespace starling::histories {
namespace {

constexpr int kPipeline = 16;

class Hot : public Workload {
 public:
  explicit Hot(bool hash) : Workload(hash ? "hot-hash" : "hot-set"), hash_(hash) {}

  void step(Client& client) override {
    const std::string name = key("all");
    std::vector<Words> commands;
    for (int i = 0; i < kPipeline; ++i) {
      commands.push_back(hash_ ? Words{"HSET", name, client.fresh(), "value"}
                               : Words{"SADD", name, client.fresh()});
    }
    // What went well is told in one.
    Operation sum;
    sum.kind = Kind::kAdd;
    sum.key = name;
    Answer last;
    for (const Answer& answer : client.pipeline(client.any_node(), commands)) {
      if (answer.done()) {
        ++sum.number;
        ++client.uncounted;
        last = answer;
        continue;
      }
      Operation failed = sum;
      failed.number = 1;
      client.note(std::move(failed), answer);
    }
    if (sum.number == 0) return client.pause(50'000, 100'000);
    last.text += " and " + std::to_string(sum.number - 1) + " more";
    client.note(std::move(sum), last);
  }

  void finish(Client& client, Time deadline) override {
    Operation total;
    total.kind = Kind::kTotal;
    total.key = key("all");
    const Answer answer = client.insist(client.any_node(), {hash_ ? "HLEN" : "SCARD", total.key}, deadline);
    total.number = answer.reply.integer;
    if (!answer.done()) client.complain("cannot be read when all is healed: " + answer.text);
    client.note(std::move(total), answer);
  }

  Violations check(const History& history) const override { return check_totals(history); }

 private:
  const bool hash_;
};

}  // namespace

std::unique_ptr<Workload> make_hot(bool hash) {
  return std::make_unique<Hot>(hash);
}

}  // namespace starling::histories
