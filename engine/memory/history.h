// What a record has besides that which its entry shows: its causal context when that is more than the entry's
// own dot, and siblings that do not show.
//
// An entry without one is the record of one actor without siblings, as nearly all are. Owned by the entry
// (Entry::kComplex): by its BigValue, its Collection, or in place of a value when nothing shows. Guarded by
// the record's stripe.
#pragma once

#include <cstddef>
#include <string_view>
#include <utility>

#include "engine/record/record.h"

namespace starling::engine {

class History {
 public:
  explicit History(VersionVector context) : context_(std::move(context)) {}

  VersionVector& context() { return context_; }
  const VersionVector& context() const { return context_; }

  // Of a string: all siblings but the winner. Of a collection: the deadline's siblings, all siblings of shown
  // elements but their winners, and whatever is not of the collection's type. When nothing shows: everything.
  const Elements& hidden() const { return hidden_; }
  // Null when nothing of that element is hidden.
  const Siblings* find(ElementKind kind, std::string_view name) const;
  // Replaces what is hidden of the element. Empty siblings: as drop().
  void hide(ElementKind kind, std::string_view name, Siblings siblings);
  void drop(ElementKind kind, std::string_view name);
  // Drops all that is neither of this kind nor a deadline. True when some of it was stored apart.
  bool drop_foreign(ElementKind kind);
  bool has_foreign(ElementKind kind) const;
  // Whether some of it has keys of its own in the store.
  bool stored_apart() const { return !hidden_.empty() && is_stored_apart(hidden_.rbegin()->first.kind); }

  size_t memory_bytes() const;

 private:
  VersionVector context_;
  Elements hidden_;
  size_t hidden_bytes_ = 0;
};

}  // namespace starling::engine
