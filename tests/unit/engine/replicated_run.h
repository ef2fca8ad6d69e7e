// Random changes of records on a node in a cluster, each made to a plain Record too (record.h): whatever form
// a record has in memory and on disk, it is the same record.
#pragma once

#include <doctest/doctest.h>

#include <array>
#include <charconv>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "engine/memory/record_form.h"
#include "engine/record/counter.h"
#include "engine/record/hyperloglog.h"
#include "engine/record/join.h"
#include "engine/record/record_delta.h"
#include "engine/replica/replication.h"
#include "tests/unit/engine/element_samples.h"
#include "tests/unit/engine/node_fixture.h"
#include "tests/unit/engine/random_run.h"

namespace starling::engine {

using Records = std::map<std::string, Record>;

// What a node must answer for a record.
inline std::string state_bytes(const Record& record, int64_t now_ms) {
  std::string bytes;
  if (!record.context().empty()) encode_record(without_expired(record, now_ms), &bytes);
  return bytes;
}

inline std::string state_of(TestNode& node, const std::string& name, int index = 0) {
  std::string bytes;
  node.with_operation(name, index, [&](Operation& operation, const Key& key) {
    Replica(operation, index).append_state(key, &bytes);
  });
  return bytes;
}

inline std::string version_of(TestNode& node, const std::string& name) {
  std::string bytes;
  node.with_operation(name, 0, [&](Operation& operation, const Key& key) {
    Replica(operation, 0).append_version(key, &bytes);
  });
  return bytes;
}

// A peer that is nothing but records.
struct Peer {
  ActorId actor;
  HybridClock clock;
  Records records;
};

class ReplicatedRun {
 public:
  explicit ReplicatedRun(uint64_t seed, bool durable = true)
      : node_(seed * 1000, durable, true), random_(seed) {
    for (int i = 0; i < 12; ++i) names_.push_back("key:" + std::to_string(i));
    for (int i = 0; i < 4; ++i) names_.push_back("{tag}" + std::to_string(i));
    peers_[0].actor = 5;
    peers_[1].actor = 4'000'000'000;
  }

  TestNode& node() { return node_; }
  uint64_t below(uint64_t bound) { return random_.below(bound); }

  // One event somewhere, or one message.
  void step() {
    const std::string& name = names_[below(names_.size())];
    CAPTURE(name);
    const uint64_t choice = below(10);
    if (choice < 5) {
      change_here(name);
    } else if (choice < 7) {
      change_peer(peers_[below(peers_.size())], name);
    } else if (choice < 8) {
      send_to_peer(peers_[below(peers_.size())], name);
    } else if (choice < 9) {
      receive_state(peers_[below(peers_.size())], name);
    } else {
      vclock_write(name);
    }
    check(name);
  }

  void check(const std::string& name) { check(node_, name); }
  // Another node may be one made from an image of this one's disks.
  void check(TestNode& node, const std::string& name) {
    CAPTURE(name);
    const Record& expected = records_[name];
    const int64_t now_ms = node.clock.now_ms;
    const bool same = state_of(node, name) == state_bytes(expected, now_ms);
    if (!same)
      MESSAGE(describe(state_of(node, name)) << "\nexpected\n" << describe(state_bytes(expected, now_ms)));
    REQUIRE(same);
    std::string version;
    if (!expected.context().empty()) encode_context(expected.context(), &version);
    REQUIRE(version_of(node, name) == version);
    check_shown(node, name, expected, now_ms);
  }

  void check_all() { check_all(node_); }
  void check_all(TestNode& node) {
    std::set<std::string> live;
    uint64_t with_deadline = 0;
    for (const std::string& name : names_) {
      check(node, name);
      const Shown shown = shown_of(records_[name], node.clock.now_ms);
      if (shown.type != Type::kNone) live.insert(name);
      with_deadline += shown.deadline_ms != 0;
    }
    REQUIRE(node.scan() == live);
    node.with("any", [&](Database& database, const Key&) {
      REQUIRE(database.size() == live.size());
      REQUIRE(database.size_with_deadline() == with_deadline);
    });
  }

  static std::string describe(std::string_view bytes);

 private:
  std::string random_text() {
    if (below(2) == 0) return std::to_string(random_integer());
    if (below(8) == 0) return random_hyperloglog();
    if (below(30) == 0) return std::string(kBigValueBytes + below(100), 'b');
    return std::string(below(20), static_cast<char>('a' + below(26)));
  }
  // Several of them show as one.
  std::string random_hyperloglog() {
    std::string value = empty_hyperloglog();
    for (int i = 0; i < 3; ++i) {
      const uint64_t index = below(20);  // Before the rank with every compiler: a seed means one run.
      (void)raise(index, static_cast<uint8_t>(1 + below(33)), &value);
    }
    return value;
  }
  // Near the ends of the range now and then.
  int64_t random_integer() {
    const auto small = static_cast<int64_t>(below(200)) - 100;
    return below(20) != 0 ? small : small < 0 ? INT64_MIN - small : INT64_MAX - small;
  }
  int64_t random_deadline() { return node_.clock.now_ms + 1 + static_cast<int64_t>(below(3000)); }
  std::string random_name(Type type) { return sample_name(type, below(6)); }
  std::string random_value(Type type) { return sample_value(type, random_text(), below_); }
  // Of what shows; any type that has elements where nothing does.
  Type random_type(const Shown& shown) {
    return shown.type != Type::kNone ? shown.type : random_collection_type(below_);
  }
  // Whether it holds what can be added to.
  static bool addable(const Shown& shown) { return shown.type <= Type::kHash; }

  // The last event of the node on this record.
  Dot last_dot(Operation& operation, const Key& key) {
    std::string bytes;
    VersionVector context;
    REQUIRE(Replica(operation, 0).append_version(key, &bytes));
    REQUIRE(decode_context(bytes, 100, &context).ok());
    return {context.stamp_of(node_.actor()), node_.actor()};
  }

  static void check_shown(TestNode& node, const std::string& name, const Record& expected, int64_t now_ms);
  ElementId random_addable(const Shown& shown);
  void add_here(Operation& operation, const Key& key, Record& record);
  void join_score_here(Operation& operation, const Key& key, Record& record);
  void add_in_peer(Record& record, Change& change);
  void change_here(const std::string& name);
  void change_here(Operation& operation, const Key& key, Record& record);
  void change_collection(Operation& operation, const Key& key, Record& record, Type type);
  void change_peer(Peer& peer, const std::string& name);
  void send_to_peer(Peer& peer, const std::string& name);
  void receive_state(Peer& peer, const std::string& name);
  void receive_delta(const Delta& delta, const std::string& name);
  void vclock_write(const std::string& name);

  TestNode node_;
  SeededRandom random_;
  const std::function<uint64_t(uint64_t)> below_ = [this](uint64_t bound) { return random_.below(bound); };
  std::vector<std::string> names_;
  Records records_;  // What the node must hold.
  std::array<Peer, 2> peers_;
  std::map<std::string, std::vector<VersionVector>> contexts_;  // That clients came by.
};

inline std::string ReplicatedRun::describe(std::string_view bytes) {
  Record record;
  if (!decode_record(bytes, &record).ok()) return "(none)";
  std::string text = "context";
  const auto dot = [](const Dot& d) { return " " + std::to_string(d.actor) + ":" + std::to_string(d.stamp); };
  for (const auto& [actor, stamp] : record.context().entries()) text += dot({stamp, actor});
  for (const auto& [id, siblings] : record.elements()) {
    text += "\n  " + std::to_string(static_cast<int>(id.kind)) + " '" + id.name + "'";
    for (const Sibling& s : siblings) {
      text += dot(s.dot) + (s.tombstone ? " gone" : " '" + s.value.substr(0, 20) + "'");
      if (s.deadline_ms != 0) text += " until " + std::to_string(s.deadline_ms);
    }
  }
  return text;
}

inline void ReplicatedRun::check_shown(TestNode& node, const std::string& name, const Record& expected,
                                       int64_t now_ms) {
  node.with(name, [&](Database& database, const Key& key) {
    const Found found = database.find(key);
    const Shown shown = shown_of(expected, now_ms);
    REQUIRE(static_cast<bool>(found) == (shown.type != Type::kNone));
    if (!found) return;
    REQUIRE(found.type() == shown.type);
    REQUIRE(found.deadline_ms() == shown.deadline_ms);
    if (shown.type == Type::kString) {
      // What a contribution with a deadline of its own has added to a counter goes with it.
      REQUIRE(found.string() == *without_expired(expected, now_ms).string(now_ms));
      return;
    }
    uint64_t count = 0;
    for (const auto& [id, siblings] : expected.elements()) {
      if (id.kind != element_kind_of(shown.type)) continue;
      ++count;
      const auto value = found.collection().find(id.name);
      REQUIRE(value.has_value());
      REQUIRE(*value == shown_value(siblings));
    }
    REQUIRE(found.collection().size() == count);
  });
}

inline void ReplicatedRun::change_here(const std::string& name) {
  Record& record = records_[name];
  const Record before = record;
  ChangeList changes;
  node_.with_operation(name, 0, [&](Operation& operation, const Key& key) {
    operation.capture(&changes);
    change_here(operation, key, record);
  });
  if (record == before) {
    REQUIRE(changes.empty());
    return;
  }
  contexts_[name].push_back(record.context());
  REQUIRE(changes.size() == 1);
  REQUIRE(changes[0].key == name);
  REQUIRE(changes[0].database == 0);
  // Somebody who had what there was before has it all now.
  Record copy = before;
  if (changes[0].kind == ChangeKind::kDelta) {
    Delta delta;
    REQUIRE(decode_delta(changes[0].bytes, &delta).ok());
    REQUIRE(apply_delta(delta, &copy) == DeltaOutcome::kApplied);
  } else {
    Record state;
    REQUIRE(decode_record(changes[0].bytes, &state).ok());
    copy.merge(state);
  }
  const int64_t now_ms = node_.clock.now_ms;
  const bool same = state_bytes(copy, now_ms) == state_bytes(record, now_ms);
  if (!same) {
    MESSAGE("before\n"
            << describe(state_bytes(before, 0)) << "\nwith what was captured\n"
            << describe(state_bytes(copy, 0)) << "\nexpected\n"
            << describe(state_bytes(record, 0)));
  }
  REQUIRE(same);
}

inline void ReplicatedRun::change_here(Operation& operation, const Key& key, Record& record) {
  Database database = operation.database(0);
  const int64_t now_ms = node_.clock.now_ms;
  const Shown shown = shown_of(record, now_ms);
  const auto changed = [&](auto&& make) {
    const VersionVector seen = record.context();
    Change change(&record, last_dot(operation, key), now_ms);
    make(change, seen);
    (void)change.finish();
  };
  const uint64_t choice = below(12);
  if (choice >= 9 && (shown.type == Type::kSortedSet || (shown.type == Type::kNone && below(2) == 0)))
    return join_score_here(operation, key, record);
  if (choice >= 9) return add_here(operation, key, record);
  if (choice < 2) {
    const std::string text = random_text();
    const bool keep = below(4) == 0;
    const int64_t deadline_ms = keep ? kKeepDeadline : below(3) == 0 ? random_deadline() : kNoDeadline;
    database.put_string(key, text, deadline_ms);
    changed([&](Change& c, const VersionVector& seen) {
      c.put_string(seen, text, keep ? shown.deadline_ms : deadline_ms);
    });
  } else if (choice == 2) {
    REQUIRE(database.remove(key) == (shown.type != Type::kNone));
    if (shown.type != Type::kNone) changed([&](Change& c, const VersionVector& seen) { c.erase(seen); });
  } else if (choice == 3) {
    const uint64_t which = below(4);
    const int64_t deadline_ms = which == 0 ? kNoDeadline : which == 1 ? now_ms : random_deadline();
    REQUIRE(database.set_deadline(key, deadline_ms) == (shown.type != Type::kNone));
    if (shown.type == Type::kNone) return;
    record = without_expired(std::move(record), now_ms);  // As a counter keeps what it shows.
    changed([&](Change& c, const VersionVector& seen) {
      which == 1 ? c.erase(seen) : c.set_deadline(deadline_ms);
    });
  } else if (choice == 4) {
    if (shown.type != Type::kString && shown.type != Type::kNone) return;
    // Without what contributions that have expired had added.
    std::string text =
        shown.type == Type::kString ? *without_expired(record, now_ms).string(now_ms) : std::string();
    text.resize(below(20) == 0 ? kBigValueBytes + below(50) : below(30));
    database.edit_string(key, text.size(), [](std::span<char>) {});
    changed([&](Change& c, const VersionVector& seen) { c.put_string(seen, text, shown.deadline_ms); });
  } else {
    const Type type = random_type(shown);
    if (type != Type::kString) change_collection(operation, key, record, type);
  }
}

// What an increment adds to: the element's shown integer, 0 when it is not there. Nothing when what is there
// is none, or the sum would leave the range.
inline std::optional<int64_t> addend(const Record& record, const Shown& shown, const ElementId& id,
                                     int64_t increment) {
  int64_t value = 0, sum;
  const auto place = record.elements().find(id);
  if (shown.type != Type::kNone && place != record.elements().end()) {
    const std::string text = shown_value(place->second);
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  }
  if (__builtin_add_overflow(value, increment, &sum)) return std::nullopt;
  return value;
}

// A string's or a field's, whatever the record allows.
inline ElementId ReplicatedRun::random_addable(const Shown& shown) {
  const bool hash = shown.type == Type::kHash || (shown.type == Type::kNone && below(2) == 0);
  return hash ? ElementId{ElementKind::kField, random_name(Type::kHash)} : ElementId{ElementKind::kValue, ""};
}

inline void ReplicatedRun::add_here(Operation& operation, const Key& key, Record& record) {
  Database database = operation.database(0);
  const int64_t now_ms = node_.clock.now_ms;
  const Record present = without_expired(record, now_ms);
  const Shown shown = shown_of(record, now_ms);
  const int64_t increment = random_integer();
  const ElementId id = random_addable(shown);
  const std::optional<int64_t> before = addend(present, shown, id, increment);
  if (!before.has_value() || !addable(shown)) return;
  const bool hash = id.kind == ElementKind::kField;
  const int64_t said = hash ? database.open(key, Type::kHash).add(id.name, *before, increment)
                            : database.add(key, *before, increment);
  const VersionVector seen = record.context();
  record = present;
  Change change(&record, last_dot(operation, key), now_ms);
  const std::string sum = std::to_string(*before + increment);
  if (hash) {
    if (!change.add_to_field(id.name, increment)) change.put_element(id.kind, id.name, sum);
  } else if (!change.add_to_string(increment)) {
    change.put_string(seen, sum, shown.deadline_ms);
  }
  (void)change.finish();
  REQUIRE(std::to_string(said) == shown_value(record.elements().find(id)->second));
}

// ZINCRBY, or ZADD with GT or LT.
inline void ReplicatedRun::join_score_here(Operation& operation, const Key& key, Record& record) {
  Database database = operation.database(0);
  const int64_t now_ms = node_.clock.now_ms;
  const ElementKind kind = ElementKind::kScoredMember;
  const std::string name = random_name(Type::kSortedSet);
  const bool absent = record.type(now_ms) == Type::kNone;
  const auto place = record.elements().find(ElementId{kind, name});
  const bool there = !absent && place != record.elements().end();
  const double before = there ? score_in(shown_value(place->second)) : 0;
  OpenCollection members = database.open(key, Type::kSortedSet);
  const double by = static_cast<double>(random_integer()) / 7;
  const Join extreme = by > 0 ? Join::kGreatest : Join::kLeast;
  const bool adds = below(2) == 0;
  adds ? (void)members.add_score(name, before, by) : members.put_extreme(name, before + by, extreme);
  Change change(&record, last_dot(operation, key), now_ms);
  if (adds) {
    if (!change.add_to_member(name, by)) change.put_element(kind, name, encode_score(before + by));
  } else {
    change.put_extreme(name, before + by, extreme);
  }
  (void)change.finish();
}

inline void ReplicatedRun::add_in_peer(Record& record, Change& change) {
  const int64_t increment = random_integer();
  const Shown shown = shown_of(record, node_.clock.now_ms);
  if (shown.type == Type::kSortedSet || (shown.type == Type::kNone && below(3) == 0)) {
    const std::string name = random_name(Type::kSortedSet);
    const double by = static_cast<double>(increment) / 7;
    if (below(2) == 0) return change.put_extreme(name, by, by > 0 ? Join::kGreatest : Join::kLeast);
    return (void)change.add_to_member(name, by);
  }
  const ElementId id = random_addable(shown);
  if (!addable(shown) || !addend(record, shown, id, increment).has_value()) return;
  // Refused when the peer's own sum would leave the range: an event that changes nothing, then.
  (void)(id.kind == ElementKind::kField ? change.add_to_field(id.name, increment)
                                        : change.add_to_string(increment));
}

inline void ReplicatedRun::change_collection(Operation& operation, const Key& key, Record& record,
                                             Type type) {
  Database database = operation.database(0);
  const int64_t now_ms = node_.clock.now_ms;
  const ElementKind kind = element_kind_of(type);
  const bool absent = record.type(now_ms) == Type::kNone;
  const uint64_t changes = 1 + below(3);
  if (absent && changes > 1) {
    const std::string name = random_name(type);
    const std::string text = random_value(type);
    auto whole = std::make_unique<Collection>(type);
    whole->put(name, text);
    REQUIRE_FALSE(database.put_collection(key, std::move(whole)));
    Change change(&record, last_dot(operation, key), now_ms);
    change.put_element(kind, name, text);
    return (void)change.finish();
  }
  OpenCollection collection = database.open(key, type);
  for (uint64_t i = changes; i > 0; --i) {
    const std::string name = random_name(type);
    const bool there = !absent && record.winner(kind, name) != nullptr;
    const VersionVector seen = record.context();
    if (absent || below(3) != 0) {
      const std::string text = random_value(type);
      collection.put(name, text);
      if (there && type == Type::kSet) continue;
      Change change(&record, last_dot(operation, key), now_ms);
      change.put_element(kind, name, text);
      (void)change.finish();
      if (absent) return;
      continue;
    }
    const bool last = collection.view().size() == 1;
    REQUIRE(collection.remove(name) == there);
    if (!there) continue;
    Change change(&record, last_dot(operation, key), now_ms);
    last ? change.erase(seen) : change.remove_element(kind, name);
    (void)change.finish();
    if (last) return;
  }
}

inline void ReplicatedRun::change_peer(Peer& peer, const std::string& name) {
  Record& record = peer.records[name];
  const int64_t now_ms = node_.clock.now_ms;
  Change change(&record, {peer.clock.next(now_ms), peer.actor}, now_ms);
  const VersionVector seen = record.context();
  const Shown shown = shown_of(record, now_ms);
  const uint64_t choice = below(11);
  if (choice >= 8) {
    add_in_peer(record, change);
  } else if (choice < 2 || shown.type == Type::kString) {
    if (choice == 0) {
      change.erase(seen);
    } else {
      change.put_string(seen, random_text(), below(3) == 0 ? random_deadline() : 0);
    }
  } else {
    const Type type = random_type(shown);
    if (choice < 6 || shown.type == Type::kNone) {
      change.put_element(element_kind_of(type), random_name(type), random_value(type));
      if (choice == 2) change.put_element(element_kind_of(type), random_name(type), random_value(type));
    } else if (choice == 6) {
      change.remove_element(element_kind_of(type), random_name(type));
    } else {
      change.set_deadline(below(3) == 0 ? 0 : random_deadline());
    }
  }
  const Delta delta = change.finish();
  contexts_[name].push_back(record.context());
  if (below(2) == 0) receive_delta(delta, name);
}

inline void ReplicatedRun::receive_delta(const Delta& delta, const std::string& name) {
  std::string bytes;
  encode_delta(delta, &bytes);
  Record& record = records_[name];
  const bool known = record.context().covers(delta.after);
  const DeltaOutcome expected = apply_delta(delta, &record);
  node_.with_operation(name, 0, [&](Operation& operation, const Key& key) {
    const MergeOutcome outcome = Replica(operation, 0).merge_delta(key, bytes);
    const MergeOutcome wanted = known                            ? MergeOutcome::kUnchanged
                                : expected == DeltaOutcome::kGap ? MergeOutcome::kGap
                                                                 : MergeOutcome::kApplied;
    REQUIRE(outcome == wanted);
  });
}

inline void ReplicatedRun::receive_state(Peer& peer, const std::string& name) {
  const Record& theirs = peer.records[name];
  if (theirs.context().empty()) return;
  Record& record = records_[name];
  const bool known = record.context().covers(theirs.context());
  record.merge(theirs);
  std::string bytes;
  encode_record(theirs, &bytes);
  node_.with_operation(name, 0, [&](Operation& operation, const Key& key) {
    REQUIRE(Replica(operation, 0).merge_state(key, bytes) ==
            (known ? MergeOutcome::kUnchanged : MergeOutcome::kApplied));
    // Once more, as after a lost acknowledgement.
    REQUIRE(Replica(operation, 0).merge_state(key, bytes) == MergeOutcome::kUnchanged);
  });
}

inline void ReplicatedRun::send_to_peer(Peer& peer, const std::string& name) {
  Record state;
  const std::string bytes = state_of(node_, name);
  if (bytes.empty()) return;
  REQUIRE(decode_record(bytes, &state).ok());
  peer.records[name].merge(state);
}

inline void ReplicatedRun::vclock_write(const std::string& name) {
  VersionVector seen;
  const std::vector<VersionVector>& contexts = contexts_[name];
  if (!contexts.empty() && below(3) != 0) seen = contexts[below(contexts.size())];
  if (below(2) == 0) seen = records_[name].context();
  const bool erase = below(3) == 0;
  const std::string text = random_text();
  const int64_t deadline_ms = below(3) == 0 ? random_deadline() : kNoDeadline;
  Record& record = records_[name];
  node_.with_operation(name, 0, [&](Operation& operation, const Key& key) {
    Replica replica(operation, 0);
    const VclockOutcome outcome =
        erase ? replica.remove(key, seen, 1000) : replica.set(key, seen, text, deadline_ms, 1000);
    REQUIRE(outcome == VclockOutcome::kApplied);
    Change change(&record, last_dot(operation, key), node_.clock.now_ms);
    if (erase) {
      change.erase(seen);
    } else {
      change.put_string(seen, text, deadline_ms);
    }
    (void)change.finish();
  });
}

}  // namespace starling::engine
