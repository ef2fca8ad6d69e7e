// A hash or a set in memory: elements by name, each with its own dot.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "absl/functional/function_ref.h"
#include "engine/clock.h"
#include "engine/table.h"
#include "engine/types.h"

namespace starling::engine {

class Collection {
 public:
  struct Element {
    std::string_view name;
    std::string_view value;  // Empty for sets.
  };

  explicit Collection(Type type) : type_(type) {}

  Type type() const { return type_; }
  uint64_t size() const { return count_; }
  bool contains(std::string_view name) const { return find(name).has_value(); }
  // The value; for sets an empty view when the member is there.
  std::optional<std::string_view> find(std::string_view name) const;
  // In an unspecified order that does not change while the collection does not.
  void for_each(absl::FunctionRef<void(const Element&)> visit) const;
  // Uniform. Precondition: not empty.
  Element random(Random& random) const;
  // One step of a scan with Redis's guarantee: elements present throughout are visited at least once. Begins and ends
  // with cursor 0; visits about `count` elements. Cursors stay below 2^53.
  uint64_t scan(uint64_t cursor, uint64_t count, absl::FunctionRef<void(const Element&)> visit) const;
  size_t memory_bytes() const;
  // The longest name or value, bytes: what OBJECT ENCODING decides by.
  size_t longest_bytes() const;

 private:
  friend class Keyspace;
  friend class Database;
  friend class OpenCollection;
  Type type_;
  uint64_t count_ = 0;
  // (Storage: see engine/table.h.)
};

}  // namespace starling::engine
