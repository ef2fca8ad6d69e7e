// What a replica answers to changes that depend on what their author read, and while it makes such ones itself.
#include "cluster/data/replica_service.h"

#include <doctest/doctest.h>

#include <array>
#include <set>

#include "cluster/data/undecided_keys.h"
#include "engine/replica/record_difference.h"
#include "engine/replica/replication.h"
#include "engine/replica/trial.h"
#include "tests/unit/engine/node_fixture.h"

namespace starling::cluster {
namespace {

class Node final : public ReplicaService::Host {
 public:
  explicit Node(uint64_t seed)
      : engine_(seed, true, true), service_(engine_.engine(), *this), actor_of_attempts_(seed + 77) {}

  void reply(uint64_t, FrameKind, uint64_t, std::string_view payload) override {
    replies.emplace_back(payload);
  }
  void post(std::function<void()> work) override { work(); }
  Epoch epoch() const override { return 1; }
  bool holds(uint16_t) const override { return replica; }
  int64_t now_ms() const override { return engine_.clock.now_ms; }
  RefusedAttempts& refused_attempts() override { return refused; }
  bool undecided(int database, std::string_view key) const override { return keys.contains(database, key); }

  // What the answer to the changes is; nothing: there is none yet.
  std::optional<ReplyResult> store(const std::string& changes) {
    replies.clear();
    service_.handle(1, FrameKind::kWrite, 1, begin_request(1) + changes);
    return answer();
  }
  std::optional<ReplyResult> answer() {
    service_.settle(engine_.engine().commit());
    if (replies.empty()) return std::nullopt;
    return static_cast<ReplyResult>(replies.front()[0]);
  }
  ReplicaService& service() { return service_; }
  engine::Engine& engine() { return engine_.engine(); }

  void set(const std::string& name, const std::string& value) {
    engine_.with(name, [&](engine::Database& database, const engine::Key& key) {
      database.put_string(key, value, engine::kNoDeadline);
    });
  }
  std::string get(const std::string& name) {
    std::string value = "(none)";
    engine_.with(name, [&](engine::Database& database, const engine::Key& key) {
      if (const engine::Found found = database.find(key)) value = std::string(found.string());
    });
    return value;
  }
  // The value as an attempt, of keys of one partition, and as a plain change.
  std::string attempt(const std::vector<std::string>& names, const std::string& value) {
    engine::Operation operation(engine_.engine(), now_ms());
    std::vector<engine::KeyRef> refs;
    for (const std::string& name : names) refs.push_back({0, engine::Key(name)});
    operation.lock(refs);
    engine::Trial trial(&operation, actor_of_attempts_, refs);
    operation.database(0).put_string(refs[0].key, value, engine::kNoDeadline);
    std::vector<engine::Tried> tried;
    CHECK(trial.take_back(&tried));
    operation.finish();
    std::string changes;
    for (const engine::Tried& one : tried) {
      const std::string body = condition_body({one.base, one.after, one.state});
      append_change({0, ChangeForm::kIf, one.key, body}, &changes);
    }
    return changes;
  }
  std::string state(const std::string& name) {
    std::string state, changes;
    engine_.with_operation(name, 0, [&](engine::Operation& operation, const engine::Key& key) {
      (void)engine::Replica(operation, 0).append_state(key, &state);
    });
    append_change({0, ChangeForm::kRecord, name, state}, &changes);
    return changes;
  }

  void put(const std::string& name, const std::string& field, const std::string& value) {
    engine_.with(name, [&](engine::Database& database, const engine::Key& key) {
      database.open(key, engine::Type::kHash).put(field, value);
    });
  }
  std::string version(const std::string& name) {
    std::string version;
    engine_.with_operation(name, 0, [&](engine::Operation& operation, const engine::Key& key) {
      (void)engine::Replica(operation, 0).append_version(key, &version);
    });
    return version;
  }
  // What somebody of that version lacks.
  std::string difference(const std::string& name, const std::string& seen) {
    std::string body, changes;
    engine_.with_operation(name, 0, [&](engine::Operation& operation, const engine::Key& key) {
      CHECK(engine::append_difference(operation, 0, key, seen, "", &body, 1));
    });
    append_change({0, ChangeForm::kDifference, name, body}, &changes);
    return changes;
  }
  void advance(int64_t ms) { engine_.clock.now_ms += ms; }

  UndecidedKeys keys;
  RefusedAttempts refused;
  bool replica = true;
  std::vector<std::string> replies;

 private:
  engine::TestNode engine_;
  ReplicaService service_;
  const engine::ActorId actor_of_attempts_;
};

}  // namespace

TEST_CASE("of two that build on the same, the one that comes first is taken") {
  Node a(1000), b(2000), c(3000);
  for (const char* before : {"", "before"}) {
    const std::string name = std::string("k") + before;
    if (*before != '\0') {
      a.set(name, before);
      CHECK(b.store(a.state(name)) == ReplyResult::kOk);
      CHECK(c.store(a.state(name)) == ReplyResult::kOk);
    }
    const std::string first = a.attempt({name}, "first"), second = b.attempt({name}, "second");
    CHECK(c.store(first) == ReplyResult::kOk);
    CHECK(c.store(second) == ReplyResult::kConflict);
    CHECK(c.get(name) == "first");
    // What comes twice was taken once.
    CHECK(c.store(first) == ReplyResult::kOk);
    // Who has seen the first one may go on from it.
    CHECK(b.store(first) == ReplyResult::kOk);
    CHECK(c.store(b.attempt({name}, "third")) == ReplyResult::kOk);
    CHECK(c.get(name) == "third");
    CHECK(c.store(first) == ReplyResult::kOk);
    CHECK(c.get(name) == "third");
  }
}

TEST_CASE("a replica that lags takes it; one that has what the author had not seen does not") {
  Node a(1000), b(2000), c(3000);
  a.set("k", "1");
  a.set("k", "2");
  CHECK(c.store(a.attempt({"k"}, "3")) == ReplyResult::kOk);
  CHECK(c.get("k") == "3");
  b.set("j", "other");
  CHECK(c.store(b.state("j")) == ReplyResult::kOk);
  CHECK(c.store(a.attempt({"j"}, "mine")) == ReplyResult::kConflict);
  CHECK(c.get("j") == "other");
}

TEST_CASE("of several keys all are taken or none, and one that is only read counts") {
  Node a(1000), b(2000), c(3000);
  b.set("{t}read", "news");
  CHECK(c.store(b.state("{t}read")) == ReplyResult::kOk);
  CHECK(c.store(a.attempt({"{t}written", "{t}read"}, "v")) == ReplyResult::kConflict);
  CHECK(c.get("{t}written") == "(none)");
  CHECK(a.store(b.state("{t}read")) == ReplyResult::kOk);
  CHECK(c.store(a.attempt({"{t}written", "{t}read"}, "v")) == ReplyResult::kOk);
  CHECK(c.get("{t}written") == "v");
}

TEST_CASE("what was refused stays refused, though it comes twice and nothing stands against it any more") {
  Node a(1000), c(3000);
  c.keys.begin(0, "k");
  const std::string attempt = a.attempt({"k"}, "theirs");
  CHECK(c.store(attempt) == ReplyResult::kConflict);
  c.keys.end(0, "k");
  CHECK(c.store(attempt) == ReplyResult::kConflict);
  CHECK(c.get("k") == "(none)");
  // Its author tries anew.
  CHECK(c.store(a.attempt({"k"}, "again")) == ReplyResult::kOk);
  CHECK(c.get("k") == "again");
}

TEST_CASE(
    "an attempt that was made before one of this node that ended in doubt is refused, a later one taken") {
  Node a(1000), c(3000);
  const std::string before = a.attempt({"k"}, "before");
  CHECK(c.store(a.attempt({"j"}, "there")) == ReplyResult::kOk);
  c.refused.refuse_up_to(engine::last_stamp(a.engine()));
  CHECK(c.store(before) == ReplyResult::kConflict);
  CHECK(c.get("k") == "(none)");
  CHECK(c.store(a.attempt({"k"}, "after")) == ReplyResult::kOk);
  CHECK(c.get("k") == "after");
}

TEST_CASE("an attempt that is here is not refused, whatever has become of its author's others since") {
  Node a(1000), b(2000), c(3000);
  const std::string attempt = a.attempt({"{t}written", "{t}read"}, "v");
  CHECK(c.store(attempt) == ReplyResult::kOk);
  b.set("{t}read", "news");
  CHECK(c.store(b.state("{t}read")) == ReplyResult::kOk);
  c.refused.refuse_up_to(engine::last_stamp(a.engine()) + 1000);
  CHECK(c.store(attempt) == ReplyResult::kOk);
}

TEST_CASE("attempts that were refused: the oldest is forgotten when there are too many") {
  RefusedAttempts refused;
  CHECK_FALSE(refused.contains("0"));
  for (int i = 0; i <= 16384; ++i) refused.note(std::to_string(i));
  refused.note("16384");
  CHECK_FALSE(refused.contains("0"));
  CHECK(refused.contains("1"));
  CHECK(refused.contains("16384"));
}

TEST_CASE("while it has an attempt of its own a replica refuses others', and lets other changes wait") {
  Node a(1000), c(3000);
  c.keys.begin(0, "k");
  CHECK(c.store(a.attempt({"k"}, "theirs")) == ReplyResult::kConflict);
  a.set("k", "plain");
  CHECK_FALSE(c.store(a.state("k")).has_value());
  CHECK(c.service().parked() == 1);
  CHECK(c.get("k") == "(none)");
  // Other keys go on.
  a.set("other", "plain");
  CHECK(c.store(a.state("other")) == ReplyResult::kOk);
  c.keys.end(0, "k");
  c.replies.clear();
  c.service().resume_parked();
  CHECK(c.answer() == ReplyResult::kOk);
  CHECK(c.get("k") == "plain");
  CHECK_FALSE(c.keys.any());
}

TEST_CASE("what came by a difference and a greater stamp hides is told of, however often it comes") {
  Node a(1000), b(2000), c(3000);
  for (const char* field : {"f", "g", "h"}) a.put("k", field, "before");
  CHECK(b.store(a.state("k")) == ReplyResult::kOk);
  CHECK(c.store(a.state("k")) == ReplyResult::kOk);
  const std::string seen = c.version("k");
  b.advance(20'000);
  b.put("k", "n", "of another clock");
  CHECK(c.store(b.state("k")) == ReplyResult::kOk);
  a.put("k", "g", "unhidden");
  CHECK(c.store(a.difference("k", seen)) == ReplyResult::kOk);
  a.put("k", "n", "hidden");
  CHECK(c.store(a.difference("k", seen)) == ReplyResult::kOverruled);
  CHECK(c.store(a.difference("k", seen)) == ReplyResult::kOverruled);
}

TEST_CASE("attempts that make no sense are refused") {
  Node a(1000), c(3000);
  const std::string good = a.attempt({"k"}, "v");
  CHECK(c.store(good + a.attempt({"elsewhere"}, "v")) == ReplyResult::kRefused);
  a.set("k", "v");
  CHECK(c.store(good + a.state("k")) == ReplyResult::kRefused);
  CHECK(c.store(a.state("k") + good) == ReplyResult::kRefused);
  std::string cut;
  append_change({0, ChangeForm::kIf, "k", "\x05no"}, &cut);
  CHECK(c.store(cut) == ReplyResult::kRefused);
}

TEST_CASE("a write to what is not its own is refused, and nothing of it is done; hints are kept") {
  Node a(1000), c(3000);
  c.replica = false;
  a.set("k", "plain");
  CHECK(c.store(a.state("k")) == ReplyResult::kRefused);
  CHECK(c.store(a.attempt({"k"}, "tried")) == ReplyResult::kRefused);
  CHECK(c.get("k") == "(none)");
  NodeId target;
  target.bytes.fill(7);
  c.replies.clear();
  c.service().handle(1, FrameKind::kHint, 1, begin_hint(1, target) + a.state("k"));
  CHECK(c.answer() == ReplyResult::kOk);
  CHECK(c.get("k") == "plain");
  // What a newer topology has made its own it cannot tell.
  a.set("j", "plain");
  c.replies.clear();
  c.service().handle(1, FrameKind::kWrite, 1, begin_request(2) + a.state("j"));
  CHECK(c.answer() == ReplyResult::kOk);
  CHECK(c.get("j") == "plain");
}

}  // namespace starling::cluster
