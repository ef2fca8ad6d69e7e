#include "engine/memory/history.h"

#include "engine/memory/entry.h"

namespace starling::engine {

namespace {

size_t text_bytes(const std::string& text) {
  return text.capacity() < sizeof(std::string) / 2 ? 0 : allocation_bytes(text.capacity() + 1);
}

// Of an element and its node in the tree.
size_t element_bytes(const ElementId& id, const Siblings& siblings) {
  constexpr size_t kNodeBytes = 4 * sizeof(void*);
  size_t bytes = allocation_bytes(kNodeBytes + sizeof(Elements::value_type)) + text_bytes(id.name) +
                 allocation_bytes(siblings.capacity() * sizeof(Sibling));
  for (const Sibling& sibling : siblings) bytes += text_bytes(sibling.value);
  return bytes;
}

bool foreign(const ElementId& id, ElementKind kind) {
  return id.kind != kind && id.kind != ElementKind::kDeadline;
}

}  // namespace

const Siblings* History::find(ElementKind kind, std::string_view name) const {
  const auto place = hidden_.find(ElementOrder::View{kind, name});
  return place == hidden_.end() ? nullptr : &place->second;
}

void History::hide(ElementKind kind, std::string_view name, Siblings siblings) {
  drop(kind, name);
  if (siblings.empty()) return;
  const auto place = hidden_.emplace(ElementId{kind, std::string(name)}, std::move(siblings)).first;
  hidden_bytes_ += element_bytes(place->first, place->second);
}

void History::drop(ElementKind kind, std::string_view name) {
  const auto place = hidden_.find(ElementOrder::View{kind, name});
  if (place == hidden_.end()) return;
  hidden_bytes_ -= element_bytes(place->first, place->second);
  hidden_.erase(place);
}

bool History::has_foreign(ElementKind kind) const {
  for (const auto& [id, siblings] : hidden_) {
    if (foreign(id, kind)) return true;
  }
  return false;
}

bool History::drop_foreign(ElementKind kind) {
  bool apart = false;
  for (auto place = hidden_.begin(); place != hidden_.end();) {
    if (!foreign(place->first, kind)) {
      ++place;
      continue;
    }
    apart |= is_stored_apart(place->first.kind);
    hidden_bytes_ -= element_bytes(place->first, place->second);
    place = hidden_.erase(place);
  }
  return apart;
}

size_t History::memory_bytes() const {
  return allocation_bytes(sizeof(*this)) + allocation_bytes(context_.size() * sizeof(VersionVector::Entry)) +
         hidden_bytes_;
}

}  // namespace starling::engine
