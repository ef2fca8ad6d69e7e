// Numbers that nobody may be told twice: INCR and HINCRBY, and WATCH, GET, EXEC; and chains of GETSET.
#include "histories/workload/workload.h"

namespace starling::histories {
namespace {

constexpr uint64_t kKeys = 8;

void note_next(Client& client, const std::string& key, const Answer& answer, int64_t number) {
  Operation operation;
  operation.kind = Kind::kNext;
  operation.key = key;
  operation.number = number;
  client.note(std::move(operation), answer);
}

class Increments : public Workload {
 public:
  Increments() : Workload("increments") {}

  void step(Client& client) override {
    const std::string counter = key(client.below(kKeys));
    const Answer answer = client.chance(70)
                              ? client.call(client.any_node(), {"INCR", counter})
                              : client.call(client.any_node(), {"HINCRBY", counter + "h", "field", "1"});
    note_next(client, answer.text.starts_with("H") ? counter + "h" : counter, answer, answer.reply.integer);
  }

  Violations check(const History& history) const override { return check_numbers(history); }
};

class Updates : public Workload {
 public:
  Updates() : Workload("updates") {}

  void step(Client& client) override {
    const std::string counter = key(client.below(kKeys));
    const int node = client.any_node();
    if (!client.call(node, {"WATCH", counter}).done()) return;
    const Answer seen = client.call(node, {"GET", counter});
    if (!seen.done()) {
      client.call(node, {"UNWATCH"});
      return;
    }
    const int64_t next = (seen.reply.is(Reply::Type::kNil) ? 0 : std::atoll(seen.reply.text.c_str())) + 1;
    std::vector<Answer> answers =
        client.pipeline(node, {{"MULTI"}, {"SET", counter, std::to_string(next)}, {"EXEC"}});
    Answer& exec = answers.back();
    if (exec.done() && exec.reply.is(Reply::Type::kNil)) exec.outcome = Outcome::kRefused;
    // An error within is an answer to a command that ran, or did not.
    if (exec.done() && (exec.reply.elements.size() != 1 || exec.reply.elements[0].is(Reply::Type::kError)))
      exec.outcome = Outcome::kUnknown;
    exec.text = "WATCH, GET -> " + seen.reply.value().value_or("nil") + ", SET " + std::to_string(next) +
                ", " + exec.text;
    note_next(client, counter, exec, next);
  }

  Violations check(const History& history) const override { return check_numbers(history); }
};

class Chains : public Workload {
 public:
  Chains() : Workload("chains") {}

  void step(Client& client) override {
    Operation operation;
    operation.kind = Kind::kExchange;
    operation.key = key(client.below(kKeys));
    operation.put = client.fresh();
    const Answer answer = client.call(client.any_node(),
                                      client.chance(60) ? Words{"GETSET", operation.key, *operation.put}
                                                        : Words{"SET", operation.key, *operation.put, "GET"});
    operation.returned = answer.reply.value();
    client.note(std::move(operation), answer);
  }

  Violations check(const History& history) const override {
    Violations all = check_chains(history);
    for (Violation& violation : check_registers(history)) all.push_back(std::move(violation));
    return all;
  }
};

}  // namespace

std::unique_ptr<Workload> make_increments() {
  return std::make_unique<Increments>();
}
std::unique_ptr<Workload> make_updates() {
  return std::make_unique<Updates>();
}
std::unique_ptr<Workload> make_chains() {
  return std::make_unique<Chains>();
}

}  // namespace starling::histories
