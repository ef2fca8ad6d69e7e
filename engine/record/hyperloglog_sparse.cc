// Raising a register of a sparse HyperLogLog. The runs that come of it are those that Redis makes, in the same order,
// so that equal commands leave equal bytes.
#include <optional>

#include "engine/record/hyperloglog.h"

namespace starling::engine {
namespace {

constexpr uint8_t kGreatestOfRun = 32;
constexpr size_t kLongestOfValue = 4;
constexpr size_t kLongestShortZeros = 64;
// Of the runs from the one before the change on, so many are looked at when equal ones are joined.
constexpr int kJoinedWithin = 5;

// Where a register lies.
struct Place {
  size_t at = 0;
  size_t first = 0;     // The run's first register.
  size_t previous = 0;  // Where the run before it begins; the first one's own.
  RegisterRun run;
};

std::optional<Place> find_run(std::string_view value, size_t index) {
  Place place;
  place.at = place.previous = kHyperLogLogHeaderBytes;
  while (const auto run = run_at(value, place.at)) {
    place.run = *run;
    if (index < place.first + run->count) return place;
    place.previous = place.at;
    place.at += run->bytes;
    place.first += run->count;
  }
  return std::nullopt;
}

// `count` registers, 0: none, of the value.
void append_run(size_t count, uint8_t value, std::string* out) {
  if (count == 0) return;
  if (value != 0) {
    out->push_back(static_cast<char>(0x80 | (value - 1) << 2 | static_cast<int>(count - 1)));
  } else if (count <= kLongestShortZeros) {
    out->push_back(static_cast<char>(count - 1));
  } else {
    out->push_back(static_cast<char>(0x40 | (count - 1) >> 8));
    out->push_back(static_cast<char>((count - 1) & 0xff));
  }
}

void join_equal_runs(size_t at, std::string* value) {
  for (int left = kJoinedWithin; left > 0; --left) {
    const auto run = run_at(*value, at);
    if (!run) return;
    const auto next = run_at(*value, at + run->bytes);
    if (run->value == 0 || !next || next->value != run->value || run->count + next->count > kLongestOfValue) {
      at += run->bytes;
      continue;
    }
    value->erase(at, 1);
    std::string joined;
    append_run(run->count + next->count, run->value, &joined);
    (*value)[at] = joined[0];
  }
}

Raise raise_when_dense(size_t index, uint8_t to, std::string* value) {
  if (dense_register(*value, index) >= to) return Raise::kNot;
  set_dense_register(value->data(), index, to);
  return Raise::kRaised;
}

}  // namespace

Raise raise(size_t index, uint8_t to, std::string* value) {
  if (is_dense(*value)) return raise_when_dense(index, to, value);
  if (to > kGreatestOfRun) {
    if (!make_dense(value)) return Raise::kDamaged;
    return raise_when_dense(index, to, value);
  }
  const auto place = find_run(*value, index);
  if (!place) return Raise::kDamaged;
  const RegisterRun& run = place->run;
  if (run.value >= to) return Raise::kNot;
  std::string runs;
  append_run(index - place->first, run.value, &runs);
  append_run(1, to, &runs);
  append_run(place->first + run.count - 1 - index, run.value, &runs);
  if (runs.size() > run.bytes && value->size() + runs.size() - run.bytes > kSparseBytes) {
    if (!make_dense(value)) return Raise::kDamaged;
    return raise_when_dense(index, to, value);
  }
  value->replace(place->at, run.bytes, runs);
  join_equal_runs(place->previous, value);
  return Raise::kRaised;
}

}  // namespace starling::engine
