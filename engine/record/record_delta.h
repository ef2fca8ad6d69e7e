// Changing a record, and shipping the change to those who hold a copy. See README.md, "Versions".
#pragma once

#include <string_view>

#include "engine/record/record.h"

namespace starling::engine {

// What one event did to a record, for peers that know what its author knew. It never stands for more: its new
// context is joined only by a copy that has seen all of `base`, since it would otherwise claim events whose
// outcome (elements it never got) the copy does not have, and every later merge would take those for removed.
struct Delta {
  // The author's context before and after the event.
  VersionVector base;
  VersionVector after;
  // All siblings of all elements that this covers went. Empty for changes of single elements.
  VersionVector supersedes;
  // The elements touched, as the event left them; empty siblings: removed.
  Elements touched;

  bool operator==(const Delta&) const = default;
};

enum class DeltaOutcome {
  kApplied,  // The copy is now what a merge with the author's whole record would have made it. Also when it
             // was before.
  kGap,      // Nothing changed: the copy missed something of `base`. Ask for the whole record.
};

[[nodiscard]] DeltaOutcome apply_delta(const Delta& delta, Record* record);

// One event on one record: all of its parts bear one dot and travel together. Writes need a live object and a
// fresh dot.
//
//   Change change(&record, {stamp, actor}, now_ms);
//   change.put_element(ElementKind::kField, "name", "value");
//   ship(change.finish());
class Change {
 public:
  // Preconditions: the record's context does not cover the dot; `record` outlives the change and is changed
  // by nobody else until finish().
  Change(Record* record, const Dot& dot, int64_t now_ms);

  // Writes and deletes of the whole key. What `seen` covers goes, of whatever type; what it does not cover
  // stays as siblings. A plain SET or DEL passes the record's context(): it replaces what the coordinator
  // sees. VCLOCK passes the client's, an empty one for a blind write. Preconditions: `seen` does not cover
  // the change's dot (the caller has refused such a context); nothing else was done with this change.
  // deadline_ms: 0 for none.
  void put_string(const VersionVector& seen, std::string_view value, int64_t deadline_ms);
  void erase(const VersionVector& seen);

  // Elements (of any kind but kValue and kDeadline) replace what the author sees of them. Precondition: the
  // key is absent or shows the type of `kind`. The first one puts away whatever the key no longer shows:
  // tombstones, an expired collection, hidden siblings of another type.
  void put_element(ElementKind kind, std::string_view name, std::string_view value);
  void remove_element(ElementKind kind, std::string_view name);

  // Adds to the integer that the string or the field shows, to 0 where there is none (counter.h). False, and
  // nothing changed, when the actor's own sum would leave the range: write the value instead. Preconditions:
  // the key is absent or shows the type; what is there is an integer, and with the increment still one.
  [[nodiscard]] bool add_to_string(int64_t increment);
  [[nodiscard]] bool add_to_field(std::string_view name, int64_t increment);
  // The same with a member's score (double_sum.h). False when the actor's own sum would be no number.
  [[nodiscard]] bool add_to_member(std::string_view name, double increment);
  // A member's score, of Join::kGreatest or kLeast. As put_element() otherwise.
  void put_extreme(std::string_view name, double score, Join join);

  // Of what the key shows; 0 removes it. Precondition: the key is not absent.
  void set_deadline(int64_t deadline_ms);

  // The event joins the record's context, also when it changed nothing else. The change is over. To be called
  // once.
  Delta finish();

 private:
  void replace_all(const VersionVector& seen, Sibling sibling);
  bool add(ElementKind kind, std::string_view name, int64_t increment);
  Siblings seen_of(ElementKind kind, std::string_view name) const;
  void put(ElementKind kind, std::string_view name, Siblings siblings);
  void remove(Elements::iterator place);
  void put_away_hidden(Type type);

  Record* record_;
  const Dot dot_;
  const int64_t now_ms_;
  Delta delta_;
};

}  // namespace starling::engine
