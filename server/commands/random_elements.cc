#include "server/commands/random_elements.h"

#include <algorithm>

#include "absl/container/flat_hash_set.h"
#include "engine/record/score.h"
#include "server/commands/arguments.h"
#include "server/process/thread_random.h"

namespace starling::server {
namespace {

using Element = engine::Collection::Element;

// Repetitions asked for cost memory that the collection does not have, and the stripe is held meanwhile.
constexpr uint64_t kMaxRepetitions = uint64_t{1} << 24;

// Passes over all, taking each with the probability that those still wanted have among those still to come.
void sample_in_one_pass(const engine::Collection& collection, uint64_t count, engine::Random& random,
                        absl::FunctionRef<void(const Element&)> visit) {
  uint64_t left = collection.size();
  uint64_t wanted = count;
  collection.for_each([&](const Element& element) {
    if (random.below(left--) >= wanted) return;
    --wanted;
    visit(element);
  });
}

void reply_element(CommandContext& context, engine::Type type, const Element& element, Show show) {
  if (show == Show::kNames) return context.reply.bulk(element.name);
  if (context.reply.protocol() >= 3) context.reply.array(2);
  context.reply.bulk(element.name);
  if (type == engine::Type::kSortedSet) return context.reply.real(engine::score_in(element.value));
  context.reply.bulk(element.value);
}

void reply_count(CommandContext& context, uint64_t count, Show show) {
  const bool flat = show == Show::kNamesAndValues && context.reply.protocol() < 3;
  context.reply.array(flat ? count * 2 : count);
}

}  // namespace

void sample_elements(const engine::Collection& collection, uint64_t count, engine::Random& random,
                     absl::FunctionRef<void(const Element&)> visit) {
  if (count >= collection.size()) return collection.for_each(visit);
  // Drawing again what was drawn before gets likely from here on.
  if (count >= collection.size() / 3) return sample_in_one_pass(collection, count, random, visit);
  absl::flat_hash_set<const void*> seen;
  seen.reserve(count);
  while (seen.size() < count) {
    const Element element = collection.random(random);
    if (seen.insert(element.name.data()).second) visit(element);
  }
}

void reply_random_element(CommandContext& context, engine::Type type) {
  engine::Found found;
  if (!find_to_read(context, context.key(1), type, &found)) return;
  if (!found) return context.reply.null();
  context.reply.bulk(found.collection().random(thread_random()).name);
}

void reply_random_elements(CommandContext& context, engine::Type type, int64_t count, Show show) {
  engine::Found found;
  if (!find_to_read(context, context.key(1), type, &found)) return;
  if (!found || count == 0) return context.reply.array(0);
  const engine::Collection& collection = found.collection();
  if (count > 0) {
    reply_count(context, std::min(static_cast<uint64_t>(count), collection.size()), show);
    return sample_elements(collection, static_cast<uint64_t>(count), thread_random(),
                           [&](const Element& element) { reply_element(context, type, element, show); });
  }
  const uint64_t repetitions = 0 - static_cast<uint64_t>(count);
  if (repetitions > kMaxRepetitions) return context.reply.error("ERR value is out of range");
  reply_count(context, repetitions, show);
  for (uint64_t i = 0; i < repetitions; ++i) {
    reply_element(context, type, collection.random(thread_random()), show);
  }
}

}  // namespace starling::server
