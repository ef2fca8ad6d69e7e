#include "engine/memory/counter_form.h"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <utility>

#include "engine/base/assert.h"
#include "engine/base/byte_codec.h"
#include "engine/memory/history.h"
#include "engine/record/join.h"

namespace starling::engine {
namespace {

int64_t integer_of(std::string_view text) {
  int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  STARLING_ASSERT(error == std::errc() && end == text.data() + text.size());
  return value;
}

}  // namespace

std::optional<std::string> counter_value(ActorTable& actors, const Contribution& contribution) {
  int64_t shown;
  if (__builtin_add_overflow(contribution.base_value, contribution.sum, &shown)) return std::nullopt;
  std::string value = std::to_string(shown);
  append_u64(contribution.base.stamp, &value);
  const ActorIndex actor = contribution.base.actor == 0 ? 0 : actors.index_of(contribution.base.actor);
  value.append(reinterpret_cast<const char*>(&actor), sizeof actor);
  append_u64(static_cast<uint64_t>(contribution.base_value), &value);
  return value;
}

ActorIndex base_actor(const Entry& entry) {
  ActorIndex actor;
  std::memcpy(&actor, entry.counter_tail().data() + sizeof(Stamp), sizeof actor);
  return actor;
}

Contribution contribution_in(const ActorTable& actors, const Entry& entry) {
  const char* const tail = entry.counter_tail().data();
  Contribution contribution;
  contribution.base.stamp = load_u64(tail);
  if (contribution.base.stamp != 0) contribution.base.actor = actors.id_of(base_actor(entry));
  contribution.base_value = static_cast<int64_t>(load_u64(tail + 10));
  const auto shown = static_cast<uint64_t>(integer_of(entry.value()));
  contribution.sum = static_cast<int64_t>(shown - static_cast<uint64_t>(contribution.base_value));
  return contribution;
}

ElementForm form_of(ActorTable& actors, Siblings siblings, bool inline_counter) {
  ElementForm form;
  form.dot = siblings.back().dot;
  if (shows_alone(siblings)) {
    form.value = std::move(siblings.back().value);
    siblings.pop_back();
    form.hidden = std::move(siblings);
    return form;
  }
  if (inline_counter && siblings.size() == 1 && siblings.back().counter()) {
    if (auto value = counter_value(actors, contribution_of(siblings.back()))) {
      form.value = *std::move(value);
      form.counter = true;
      return form;
    }
  }
  form.value = shown_value(siblings);
  form.hidden = std::move(siblings);
  return form;
}

bool part_expired(const ActorTable& actors, const Entry& entry, int64_t now_ms) {
  if (!entry.has(Entry::kComplex) || entry.type() != Type::kString) return false;
  const Siblings* const all = entry.history()->find(ElementKind::kValue, "");
  const Dot own{entry.stamp(), actors.id_of(entry.actor())};
  if (all == nullptr || all->empty() || all->back().dot != own) return false;
  return std::any_of(all->begin(), all->end(),
                     [&](const Sibling& sibling) { return !sibling.tombstone && !sibling.live(now_ms); });
}

Siblings siblings_of(const ActorTable& actors, const Entry& entry, const Siblings* hidden) {
  Siblings siblings;
  if (hidden != nullptr) siblings = *hidden;
  const Dot dot{entry.stamp(), actors.id_of(entry.actor())};
  if (!siblings.empty() && siblings.back().dot == dot) return siblings;
  Sibling shown{dot, {}, entry.deadline_ms(), false, entry.counter() ? Join::kSum : Join::kLatest};
  shown.value =
      shown.counter() ? encode_contribution(contribution_in(actors, entry)) : std::string(entry.value());
  siblings.push_back(std::move(shown));
  return siblings;
}

}  // namespace starling::engine
