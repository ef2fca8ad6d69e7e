// Sloppy quorums: versions with contexts, and sums.
#include "histories/workload/workload.h"

namespace starling::histories {
namespace {

constexpr uint64_t kKeys = 12;

// {context, siblings} of a reply to VCLOCK GET.
std::optional<std::pair<std::string, std::vector<std::string>>> seen_by(const Answer& answer) {
  const std::vector<Reply>& map = answer.reply.elements;
  if (!answer.done() || map.size() != 4 || !map[3].is(Reply::Type::kArray)) return std::nullopt;
  std::vector<std::string> siblings;
  for (const Reply& element : map[3].elements) siblings.push_back(element.text);
  return std::pair(map[1].text, siblings);
}

class Siblings : public Workload {
 public:
  Siblings() : Workload("siblings") {}

  void step(Client& client) override {
    Operation operation;
    operation.kind = Kind::kVersion;
    operation.key = key(client.below(kKeys));
    std::string context;
    if (client.chance(85)) {
      const auto seen = seen_by(client.call(client.any_node(), {"VCLOCK", "GET", operation.key}));
      if (!seen) return;
      std::tie(context, operation.seen) = *seen;
    }
    // Time for others to write meanwhile.
    if (client.chance(30)) client.pause(1'000, 30'000);
    Words words{"VCLOCK", "DEL", operation.key, context};
    if (context.empty() || client.chance(85)) {
      operation.put = client.fresh();
      words = {"VCLOCK", "SET", operation.key, context, *operation.put};
    }
    Answer answer = client.call(client.any_node(), words);
    // What the context says is not known there, or there are too many siblings.
    if (answer.reply.text.starts_with("ERR")) answer.outcome = Outcome::kRefused;
    client.note(std::move(operation), answer);
  }

  void finish(Client& client, Time deadline) override {
    for (uint64_t i = 0; i < kKeys; ++i) {
      for (int node = 0; node < client.nodes(); ++node) {
        const Answer answer =
            client.insist(node, {"QUORUM", "EXEC", "R", "ALL", "--", "VCLOCK", "GET", key(i)}, deadline);
        const auto seen = seen_by(answer);
        if (!seen) {
          client.complain("cannot be read when all is healed: " + answer.text);
          continue;
        }
        Operation operation;
        operation.kind = Kind::kSiblings;
        operation.key = key(i);
        operation.seen = seen->second;
        client.note(std::move(operation), answer);
      }
    }
  }

  Violations check(const History& history) const override { return check_siblings(history); }
};

// Sums, and members that are added once and stay.
class Sums : public Workload {
 public:
  Sums() : Workload("sums") {}

  void step(Client& client) override {
    Operation operation;
    const uint64_t i = client.below(kKeys);
    if (client.chance(50)) {
      operation.kind = Kind::kAdd;
      operation.key = key(i);
      operation.number = static_cast<int64_t>(1 + client.below(9));
      const Words words{"INCRBY", operation.key, std::to_string(operation.number)};
      const Answer answer = client.call(client.any_node(), words);
      return client.note(std::move(operation), answer);
    }
    // A member is a version that nobody replaces.
    operation.kind = Kind::kVersion;
    operation.key = members(i);
    operation.put = client.fresh();
    const Answer answer = client.call(client.any_node(), {"SADD", operation.key, *operation.put});
    client.note(std::move(operation), answer);
  }

  void finish(Client& client, Time deadline) override {
    for (uint64_t i = 0; i < kKeys; ++i) {
      for (int node = 0; node < client.nodes(); ++node) {
        Operation operation;
        operation.kind = Kind::kTotal;
        operation.key = key(i);
        const Answer answer =
            client.insist(node, {"QUORUM", "EXEC", "R", "ALL", "--", "GET", operation.key}, deadline);
        operation.number = std::atoll(answer.reply.text.c_str());
        client.note(std::move(operation), answer);
      }
      look_at_members(client, members(i), deadline);
    }
  }

  Violations check(const History& history) const override {
    Violations all = check_totals(history);
    for (Violation& violation : check_siblings(history)) all.push_back(std::move(violation));
    return all;
  }

 private:
  std::string members(uint64_t i) const { return key("members" + std::to_string(i)); }

  void look_at_members(Client& client, const std::string& set, Time deadline) {
    const Answer answer =
        client.insist(client.any_node(), {"QUORUM", "EXEC", "R", "ALL", "--", "SMEMBERS", set}, deadline);
    if (!answer.done()) return client.complain("cannot be read when all is healed: " + answer.text);
    Operation operation;
    operation.kind = Kind::kSiblings;
    operation.key = set;
    for (const Reply& member : answer.reply.elements) operation.seen.push_back(member.text);
    Answer brief = answer;
    brief.text = "SMEMBERS " + set + " -> " + std::to_string(operation.seen.size()) + " members";
    client.note(std::move(operation), brief);
  }
};

}  // namespace

std::unique_ptr<Workload> make_siblings() {
  return std::make_unique<Siblings>();
}
std::unique_ptr<Workload> make_sums() {
  return std::make_unique<Sums>();
}

}  // namespace starling::histories
