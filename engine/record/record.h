// What a key holds, with its history: a join-semilattice. See README.md, "Versions".
//
// A record is a causal context and a set of siblings for each element. Two rules make everything else:
//   a change    drops the siblings that its author had seen, and may add one under a fresh dot (record_delta.h);
//   merge       keeps the siblings both sides have, and those of either side that the other side has not seen.
// An element that was seen and is gone was therefore removed, and needs no trace of its own.
//
// Plain values: no locks, no clocks, no I/O. Not shared between threads.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/base/dot.h"
#include "engine/base/element_kind.h"
#include "engine/base/types.h"
#include "engine/record/version_vector.h"

namespace starling::engine {

struct Delta;
enum class DeltaOutcome;

// How the siblings of one element join into what it shows (join.h). Wire and disk: never renumber.
enum class Join : uint8_t {
  kLatest = 0,     // A value: the one with the greatest dot shows.
  kSum = 1,        // A contribution to a sum of integers (counter.h); in strings and fields of hashes.
  kDoubleSum = 2,  // The same of doubles (double_sum.h); in sorted sets, as what follows.
  kGreatest = 3,   // A score: the greatest one shows.
  kLeast = 4,
};

struct Sibling {
  Dot dot;
  std::string value;
  // When it counts as a tombstone from, by whoever looks; 0: never. Merges and encodings take it for plain
  // data.
  int64_t deadline_ms = 0;
  // A delete, or a value that has expired, and then with the deadline it had. No value; only in the element
  // of kind kValue.
  bool tombstone = false;
  Join join = Join::kLatest;

  // The value is a contribution to a sum of integers.
  bool counter() const { return join == Join::kSum; }
  bool live(int64_t now_ms) const { return !tombstone && (deadline_ms == 0 || deadline_ms > now_ms); }
  // The dot alone orders siblings; the rest only makes the order total.
  auto operator<=>(const Sibling&) const = default;
};

// Ascending by dot, no dot twice; never empty inside a record. The last one is the winner.
using Siblings = std::vector<Sibling>;

struct ElementId {
  ElementKind kind;
  std::string name;

  auto operator<=>(const ElementId&) const = default;
};

// Lets maps be searched by a view of the name.
struct ElementOrder {
  using is_transparent = void;
  using View = std::pair<ElementKind, std::string_view>;
  static View view(const ElementId& id) { return {id.kind, id.name}; }
  static View view(const View& id) { return id; }
  bool operator()(const auto& a, const auto& b) const { return view(a) < view(b); }
};

using Elements = std::map<ElementId, Siblings, ElementOrder>;

// The merge of one element, of which either side may be empty (never had, or removed). A collection too big
// to be held as a Record can be merged element by element with this.
Siblings merge_siblings(const Siblings& mine, const VersionVector& my_context, const Siblings& theirs,
                        const VersionVector& their_context);

class Record {
 public:
  // Nothing was ever there.
  Record() = default;

  // Covers every sibling's dot, and all that was seen and superseded.
  const VersionVector& context() const { return context_; }
  // Every sibling there is, tombstones and expired ones included.
  const Elements& elements() const { return elements_; }

  // The type of the live sibling with the greatest dot; kNone when the key is absent. Of a string's own
  // siblings only the greatest counts, so a delete (or an expired value) hides the older values it is
  // concurrent with; it does not hide elements of collections, which are merged, not chosen. An
  // expired collection is absent.
  Type type(int64_t now_ms) const;
  // The greatest sibling of an element, live or not; null when the element is not there.
  const Sibling* winner(ElementKind kind, std::string_view name) const;
  // What a plain GET shows. Nothing unless type() is kString.
  std::optional<std::string> string(int64_t now_ms) const;
  // The deadline of what type() shows; 0 when it has none.
  int64_t deadline_ms(int64_t now_ms) const;
  // What VCLOCK GET shows: the live siblings of the string, ascending by dot, never a tombstone; the
  // contributions to one counter are one.
  Siblings live_values(int64_t now_ms) const;
  // No sibling but tombstones: kept for its context only.
  bool vacant() const;

  // Commutative, associative, idempotent; makes no event.
  void merge(const Record& other);

  // What was seen elsewhere, and superseded before it could come here.
  void join_context(const VersionVector& seen) { context_.join(seen); }

  // Bounds the context to `cap` entries, oldest out first, as far as no sibling's actor is concerned. For
  // writes, never on the repair path; see VersionVector::prune().
  void prune_context(size_t cap);

  bool operator==(const Record&) const = default;

 private:
  friend class Change;
  friend DeltaOutcome apply_delta(const Delta& delta, Record* record);
  friend class RecordAssembly;

  VersionVector context_;
  Elements elements_;
};

// Builds a record from parts that were read from elsewhere. Refuses what no record can be.
class RecordAssembly {
 public:
  explicit RecordAssembly(VersionVector context) { record_.context_ = std::move(context); }
  explicit RecordAssembly(Record record) : record_(std::move(record)) {}

  // In any order. False, and nothing changed, when the element is there already, its siblings are empty, out
  // of order, not covered by the context, or not of a form the kind can have.
  [[nodiscard]] bool add(ElementKind kind, std::string_view name, Siblings siblings);
  // Leaves the assembly empty.
  Record take() { return std::move(record_); }

 private:
  Record record_;
};

// Whether an element of this kind can have this name; and, with it, this value (a counter's is what it shows).
bool suits(ElementKind kind, std::string_view name);
bool suits(ElementKind kind, std::string_view name, std::string_view value);

// Whether siblings can be those of an element of this kind: in order, values, deadlines and tombstones where
// they may be.
bool well_formed(ElementKind kind, const Siblings& siblings);
// The name too.
bool well_formed(ElementKind kind, std::string_view name, const Siblings& siblings);

}  // namespace starling::engine
