// Random changes of a node's keys, each made to a model too; and the comparison of the two.
#pragma once

#include <doctest/doctest.h>

#include <array>
#include <cstdlib>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "engine/core/entry_change.h"
#include "engine/memory/collection.h"
#include "engine/memory/order_index.h"
#include "tests/unit/engine/element_samples.h"
#include "tests/unit/engine/node_fixture.h"

namespace starling::engine {

inline uint64_t first_seed() {
  const char* given = std::getenv("STARLING_SEED");
  return given != nullptr ? std::strtoull(given, nullptr, 10) : 1;
}

// A third of them where a sanitizer looks at every step, which takes several times as long: all run without one.
inline uint64_t seed_count(uint64_t usual = 30) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  usual = (usual + 2) / 3;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
  usual = (usual + 2) / 3;
#endif
#endif
  return std::getenv("STARLING_SEED") != nullptr ? 1 : usual;
}

inline bool live(const ModelValue& value, int64_t now_ms) {
  return value.deadline_ms == 0 || value.deadline_ms > now_ms;
}

inline void check_record(TestNode& node, const std::string& name, const ModelValue* expected, int index = 0) {
  node.with(index, name, [&](Database& database, const Key& key) {
    const Found found = database.find(key);
    CAPTURE(name);
    REQUIRE(static_cast<bool>(found) == (expected != nullptr));
    if (expected == nullptr) return;
    REQUIRE(found.type() == expected->type);
    REQUIRE(found.deadline_ms() == expected->deadline_ms);
    if (found.type() == Type::kString) {
      REQUIRE(found.string() == expected->text);
      return;
    }
    std::map<std::string, std::string> fields;
    found.collection().for_each(
        [&](const Collection::Element& e) { fields.emplace(std::string(e.name), std::string(e.value)); });
    REQUIRE(fields == expected->fields);
    REQUIRE(found.collection().size() == fields.size());
  });
}

inline void check_all(TestNode& node, const Model& model, const std::vector<std::string>& names,
                      int index = 0) {
  const int64_t now_ms = node.clock.now_ms;
  std::set<std::string> live_names;
  for (const std::string& name : names) {
    const auto at = model.find(name);
    const bool is_live = at != model.end() && live(at->second, now_ms);
    if (is_live) live_names.insert(name);
    check_record(node, name, is_live ? &at->second : nullptr, index);
  }
  REQUIRE(node.scan(3, index) == live_names);
  // Every key was looked at, so nothing expired is left to be counted.
  node.with(index, "any",
            [&](Database& database, const Key&) { REQUIRE(database.size() == live_names.size()); });
  uint64_t with_deadline = 0;
  for (const std::string& name : live_names) with_deadline += model.at(name).deadline_ms != 0;
  node.with(index, "any",
            [&](Database& database, const Key&) { REQUIRE(database.size_with_deadline() == with_deadline); });
}

// What a collection says of its elements is what is there.
inline void check_collection(const Collection& collection) {
  const Table& elements = collection.elements();
  uint64_t live = 0;
  uint32_t dirty[3] = {0, 0, 0};
  size_t bytes = allocation_bytes(sizeof(Collection)) + elements.memory_bytes();
  for (Table::Slot i = elements.begin(); i != elements.end(); i = elements.next(i)) {
    const Entry* element = elements.entry(i);
    if (element == nullptr) continue;
    live += !element->tombstone();
    bytes += element->allocated_bytes();
    ++dirty[elements.tag(i)];
  }
  if (collection.history() != nullptr) bytes += collection.history()->memory_bytes();
  if (is_ordered(collection.type())) {
    bytes += allocation_bytes(sizeof(OrderIndex)) + collection.order().memory_bytes();
    collection.order().check();
    REQUIRE(collection.order().size() == live);
    collection.order().walk(0, live,
                            [&](const Entry& entry) { return collection.entry_of(entry.key()) == &entry; });
  }
  REQUIRE(collection.size() == live);
  REQUIRE(collection.memory_bytes() == bytes);
  for (const DirtyTag tag : {DirtyTag{1}, DirtyTag{2}}) REQUIRE(collection.dirty_count(tag) == dirty[tag]);
}

// What the partition counts is what its table has. Of live records only while all of them are in memory.
inline void check_partition(const Partition& partition, int64_t* bytes, int64_t* dirty_bytes) {
  const Table& table = partition.table;
  uint32_t dirty = 0, live = 0, with_deadline = 0;
  *bytes += static_cast<int64_t>(table.memory_bytes());
  const bool unused = partition.dirty + partition.live + partition.with_deadline == 0;
  if (table.size() == 0 && unused) return;
  for (Table::Slot i = table.begin(); i != table.end(); i = table.next(i)) {
    const Entry* entry = table.entry(i);
    if (entry == nullptr) continue;
    if (is_collection(*entry)) check_collection(*entry->collection());
    live += !entry->tombstone();
    with_deadline += !entry->tombstone() && entry->has(Entry::kHasDeadline);
    const auto size = static_cast<int64_t>(entry_bytes(*entry));
    *bytes += size;
    if (table.tag(i) == 0) continue;
    *dirty_bytes += size;
    ++dirty;
  }
  REQUIRE(partition.dirty == dirty);
  if (!partition.complete) return;
  REQUIRE(partition.live == live);
  REQUIRE(partition.with_deadline == with_deadline);
}

// What is accounted for is what is in the tables. Not while flushed ones wait to be freed.
inline void check_accounting(TestNode& node) {
  Keyspace& keyspace = node.engine().core().keyspace;
  keyspace.stripes.lock_all();
  int64_t bytes = 0;
  int64_t dirty_bytes = 0;
  for (const auto& tables : keyspace.databases) {
    uint64_t live = 0, with_deadline = 0;
    for (uint32_t p = 0; tables->used && p < kPartitionCount; ++p) {
      const Partition& partition = tables->partitions[p];
      check_partition(partition, &bytes, &dirty_bytes);
      live += partition.live;
      with_deadline += partition.with_deadline;
    }
    REQUIRE(tables->live == live);
    REQUIRE(tables->with_deadline == with_deadline);
  }
  keyspace.stripes.unlock_all();
  const Stripes::Totals totals = keyspace.stripes.totals();
  REQUIRE(totals.bytes == bytes);
  REQUIRE(totals.dirty_bytes == dirty_bytes);
}

class RandomRun {
 public:
  explicit RandomRun(uint64_t seed, bool durable = true) : node_(seed * 1000, durable), random_(seed) {
    for (int i = 0; i < 40; ++i) names_.push_back("key:" + std::to_string(i));
    for (int i = 0; i < 10; ++i) names_.push_back("{tag}" + std::to_string(i));
  }

  // One change, of database 0 or, where others_too, sometimes of database 1 or of all of one of them.
  void change(bool others_too = false) {
    const std::string& name = names_[random_.below(names_.size())];
    const uint64_t choice = others_too ? random_.below(400) : 400;
    if (choice < 2) return change_databases(choice == 0);
    if (random_.below(12) == 0) return move_record(others_too);
    const int index = choice < 100 ? 1 : 0;
    node_.with(index, name, [&](Database& database, const Key& key) {
      change(models_[static_cast<size_t>(index)], database, key, name);
    });
  }

  TestNode& node() { return node_; }
  Model& model() { return models_[0]; }
  void check() { check(node_); }
  // Whether another node, made from an image of this one's disks, is what this one ought to be.
  void check(TestNode& node) {
    for (int i = 0; i < 2; ++i) check_all(node, models_[static_cast<size_t>(i)], names_, i);
  }
  uint64_t below(uint64_t bound) { return random_.below(bound); }

 private:
  std::string random_text() {
    if (random_.below(20) == 0) return std::string(kBigValueBytes + random_.below(100), 'b');
    return std::string(random_.below(80), static_cast<char>('a' + random_.below(26)));
  }

  void change_databases(bool flush) {
    Operation operation(node_.engine(), node_.clock.now_ms);
    operation.lock_all();
    if (flush) {
      operation.flush_database(0);
      models_[0].clear();
    } else {
      operation.swap_databases(0, 1);
      models_[0].swap(models_[1]);
    }
    operation.finish();
  }

  // RENAME, or MOVE and more.
  void move_record(bool others_too) {
    const size_t from_index = others_too ? random_.below(2) : 0, to_index = others_too ? random_.below(2) : 0;
    const std::string& from = names_[random_.below(names_.size())];
    const std::string& to = names_[random_.below(names_.size())];
    Model& source = models_[from_index];
    const auto at = source.find(from);
    if ((from == to && from_index == to_index) || at == source.end()) return;
    if (!live(at->second, node_.clock.now_ms)) return;
    node_.with_both({static_cast<int>(from_index), Key(from)}, {static_cast<int>(to_index), Key(to)},
                    [&](Database& database, Database& target) { database.move(Key(from), target, Key(to)); });
    ModelValue moved = at->second;
    source.erase(at);
    models_[to_index][to] = std::move(moved);
  }

  void change(Model& model, Database& database, const Key& key, const std::string& name) {
    const int64_t now_ms = node_.clock.now_ms;
    auto at = model.find(name);
    if (at != model.end() && !live(at->second, now_ms)) {
      model.erase(at);
      at = model.end();
    }
    switch (random_.below(9)) {
      case 0:
      case 1: {
        ModelValue value;
        value.text = random_text();
        if (random_.below(4) == 0) value.deadline_ms = now_ms + 1 + static_cast<int64_t>(random_.below(5000));
        database.put_string(key, value.text, value.deadline_ms);
        model[name] = value;
        break;
      }
      case 2:
        REQUIRE(database.remove(key) == (at != model.end()));
        model.erase(name);
        break;
      case 3: {
        const int64_t deadline_ms =
            random_.below(2) == 0 ? 0 : now_ms + static_cast<int64_t>(random_.below(5000));
        REQUIRE(database.set_deadline(key, deadline_ms) == (at != model.end()));
        if (at == model.end()) break;
        at->second.deadline_ms = deadline_ms;
        if (deadline_ms != 0 && deadline_ms <= now_ms) model.erase(at);
        break;
      }
      case 4:
        edit(model, database, key, name, at);
        break;
      case 5:
        REQUIRE(put_collection(&model[name], database, key) == (at != model.end()));
        break;
      default:
        change_collection(model, database, key, name, at);
    }
  }

  void edit(Model& model, Database& database, const Key& key, const std::string& name, Model::iterator at) {
    if (at != model.end() && at->second.type != Type::kString) return;
    ModelValue& value = model[name];
    const size_t size = value.text.size() + random_.below(20000);
    value.text.resize(size);
    database.edit_string(key, size, [&](std::span<char> bytes) {
      if (bytes.empty()) return;
      bytes[0] = 'x';
      value.text[0] = 'x';
    });
  }

  // In place of whatever there is.
  bool put_collection(ModelValue* value, Database& database, const Key& key) {
    *value = ModelValue();
    value->type = random_collection_type(below_);
    auto collection = std::make_unique<Collection>(value->type);
    const uint64_t elements = 1 + random_.below(20);
    if (random_.below(2) == 0) collection->reserve(random_.below(2) == 0 ? elements : 2000);
    for (uint64_t i = 0; i < elements; ++i) {
      const std::string field = sample_name(value->type, random_.below(30));
      const std::string text = sample_value(value->type, random_text(), below_);
      REQUIRE(collection->put(field, text) == value->fields.insert_or_assign(field, text).second);
    }
    return database.put_collection(key, std::move(collection));
  }

  void change_collection(Model& model, Database& database, const Key& key, const std::string& name,
                         Model::iterator at) {
    const Type type = random_collection_type(below_);
    if (at != model.end() && at->second.type != type) return;
    const bool remove = at != model.end() && random_.below(3) == 0;
    ModelValue& value = model[name];
    value.type = type;
    OpenCollection collection = database.open(key, type);
    for (uint64_t i = 1 + random_.below(12); i > 0; --i) {
      const std::string field = sample_name(type, random_.below(30));
      if (remove) {
        REQUIRE(collection.remove(field) == (value.fields.erase(field) != 0));
        if (!value.fields.empty()) continue;
        model.erase(name);
        return;
      }
      const std::string text = sample_value(type, random_text(), below_);
      REQUIRE(collection.put(field, text) == (value.fields.count(field) == 0));
      value.fields[field] = text;
    }
  }

  TestNode node_;
  SeededRandom random_;
  const std::function<uint64_t(uint64_t)> below_ = [this](uint64_t bound) { return random_.below(bound); };
  std::array<Model, 2> models_;
  std::vector<std::string> names_;
};

}  // namespace starling::engine
