#include "tests/sim/history.h"

#include <algorithm>
#include <cstdlib>

#include "engine/record/counter.h"
#include "engine/record/join.h"

#include "engine/base/assert.h"
#include "engine/memory/settled.h"
#include "engine/record/record_codec.h"

namespace starling::sim {
namespace {

std::string text(const engine::Dot& dot) {
  return std::to_string(dot.actor) + ":" + std::to_string(dot.stamp);
}

}  // namespace

engine::Record bare_record(std::string_view state) {
  engine::Record record;
  (void)engine::take_settled(&state);
  if (!state.empty()) STARLING_ASSERT(engine::decode_record(state, &record).ok());
  return record;
}

engine::Record known_record(std::string_view state) {
  std::string_view rest = state;
  engine::VersionVector settled;
  settled.raise_floor(engine::take_settled(&rest));
  engine::Record record = bare_record(state);
  record.join_context(settled);
  return record;
}

std::string Piece::to_string() const {
  return std::to_string(static_cast<int>(kind)) + "'" + name + "' " + text(dot);
}

Pieces pieces_of(const engine::Record& record) {
  Pieces pieces;
  for (const auto& [id, siblings] : record.elements()) {
    for (const engine::Sibling& sibling : siblings) pieces.insert({id.kind, id.name, sibling.dot});
  }
  return pieces;
}

std::string describe(const engine::Record& record) {
  std::string out = "{context";
  for (const auto& [actor, stamp] : record.context().entries()) out += " " + text({stamp, actor});
  for (const auto& [id, siblings] : record.elements()) {
    out += "; " + std::to_string(static_cast<int>(id.kind)) + "'" + id.name + "'";
    for (const engine::Sibling& s : siblings) {
      out += " " + text(s.dot);
      if (s.counter()) {
        const engine::Contribution c = engine::contribution_of(s);
        out += " adds " + std::to_string(c.sum) + " to " + text(c.base) + "=" + std::to_string(c.base_value);
      } else {
        out += s.tombstone ? " gone" : "=" + s.value;
      }
      if (s.deadline_ms != 0) out += " until " + std::to_string(s.deadline_ms);
    }
  }
  return out + "}";
}

Event* KeyHistory::add(uint64_t operation, engine::ActorId actor, const engine::Record& before,
                       const engine::Record& after, const Pieces& seen) {
  const engine::Stamp stamp = after.context().stamp_of(actor);
  if (stamp == before.context().stamp_of(actor)) return nullptr;
  Event event;
  event.operation = operation;
  event.dot = {stamp, actor};
  const Pieces old = pieces_of(before), now = pieces_of(after);
  std::set_difference(now.begin(), now.end(), old.begin(), old.end(),
                      std::inserter(event.put, event.put.end()));
  std::set_difference(old.begin(), old.end(), now.begin(), now.end(),
                      std::inserter(event.superseded, event.superseded.end()));
  std::set_difference(seen.begin(), seen.end(), now.begin(), now.end(),
                      std::inserter(event.superseded, event.superseded.end()));
  for (const Piece& piece : event.put) {
    putter_[piece] = events_.size();
    for (const engine::Sibling& sibling :
         after.elements().find(engine::ElementOrder::View{piece.kind, piece.name})->second) {
      if (sibling.dot != piece.dot || (!sibling.tombstone && sibling.deadline_ms == 0)) continue;
      ends_[piece] = std::max(sibling.dot.stamp, static_cast<engine::Stamp>(sibling.deadline_ms) << 16);
    }
  }
  for (const Piece& piece : event.superseded) superseders_[piece].push_back(events_.size());
  by_operation_[operation] = events_.size();
  return &events_.emplace_back(std::move(event));
}

Event* KeyHistory::add_again(engine::ActorId actor, const engine::Record& before,
                             const engine::Record& after) {
  const Pieces old = pieces_of(before), now = pieces_of(after);
  const auto gone =
      std::find_if(old.begin(), old.end(), [&](const Piece& piece) { return !now.contains(piece); });
  if (gone == old.end()) return nullptr;
  const Event* const first = putter_of(*gone);
  if (first == nullptr) return nullptr;
  const Event earlier = *first;
  Event* const event = add(earlier.operation, actor, before, after, {});
  if (event == nullptr) return nullptr;
  event->added_to = earlier.added_to;
  event->write_quorum = earlier.write_quorum;
  event->strict = earlier.strict;
  event->replaces = earlier.replaces;
  event->began_us = earlier.began_us;
  event->failed_us = earlier.failed_us;
  return event;
}

const Event* KeyHistory::putter_of(const Piece& piece) const {
  const auto found = putter_.find(piece);
  return found == putter_.end() ? nullptr : &events_[found->second];
}

Event* KeyHistory::event_of(uint64_t operation) {
  const auto found = by_operation_.find(operation);
  return found == by_operation_.end() ? nullptr : &events_[found->second];
}

bool Account::has(const Piece& piece) {
  if (visible_.contains(piece)) return true;
  if (const auto found = known_.find(piece); found != known_.end()) return found->second;
  const auto end = history_.ends_.find(piece);
  bool good = end != history_.ends_.end() && end->second <= history_.settled;
  if (const auto found = history_.superseders_.find(piece); found != history_.superseders_.end()) {
    for (const size_t i : found->second) {
      if (!good) good = has(history_.events_[i]);
    }
  }
  return known_[piece] = good;
}

// What was settled, and is gone everywhere, a replica that has come later with a change of the ring knows nothing of,
// nor need it.
bool Account::has(const Event& event) {
  const bool gone = history_.replicas_change && event.dot.stamp <= history_.settled;
  const bool known = gone || record_.context().covers(event.dot);
  return !event.withdrawn && known &&
         std::all_of(event.put.begin(), event.put.end(), [&](const Piece& put) { return has(put); });
}

bool KeyHistory::known_from(const Pieces& seen, const Piece& piece) const {
  Pieces known = seen;
  std::vector<Piece> left(seen.begin(), seen.end());
  while (!left.empty()) {
    const Piece next = left.back();
    left.pop_back();
    if (next == piece) return true;
    const auto found = putter_.find(next);
    if (found == putter_.end()) continue;
    for (const Piece& older : events_[found->second].superseded) {
      if (known.insert(older).second) left.push_back(older);
    }
  }
  return false;
}

Verdict check_final(const std::string& key, const KeyHistory& history, std::string_view state,
                    int least_quorum, int64_t now_ms) {
  const engine::Record record = bare_record(state), known = known_record(state);
  const Pieces visible = pieces_of(record);
  Account account(history, known);
  for (const Event& event : history.events()) {
    const auto what = [&] {
      return key + ": event " + text(event.dot) + " of operation " + std::to_string(event.operation) +
             ", the record is " + describe(record);
    };
    const bool stands = event.acknowledged_us && event.write_quorum >= least_quorum;
    if (stands && !account.has(event)) {
      return {"P1/P5 an acknowledged write is gone, and nothing that saw it replaced it: " + what()};
    }
    // What was settled without the event, which was lost, it did not supersede.
    if (!stands && !record.context().covers(event.dot)) continue;
    if (event.withdrawn || (event.tentative && !account.has(event))) continue;
    for (const Piece& piece : event.superseded) {
      if (visible.contains(piece)) return {"P3 " + piece.to_string() + " is back: " + what()};
    }
  }
  for (const auto& [id, siblings] : record.elements()) {
    for (const engine::Sibling& sibling : siblings) {
      if (!sibling.tombstone && sibling.deadline_ms != 0 && sibling.deadline_ms <= now_ms)
        return {"P3 an expired value is shown: " + key + " " + describe(record)};
    }
  }
  return {};
}

Verdict check_failed(const std::string& key, const KeyHistory& history) {
  for (const Event& event : history.events()) {
    if (!event.failed_us) continue;
    for (const Piece& piece : event.superseded) {
      const Event* const later = history.putter_of(piece);
      if (later == nullptr || !later->acknowledged_us || later->began_us <= *event.failed_us) continue;
      return {"P6 operation " + std::to_string(event.operation) + ", which failed at " +
              std::to_string(*event.failed_us) + ", superseded " + piece.to_string() + " of operation " +
              std::to_string(later->operation) + ", acknowledged after that: " + key};
    }
  }
  return {};
}

Verdict check_sums(const std::string& key, const KeyHistory& history, const engine::Record& record,
                   int least_quorum) {
  std::map<std::string, int64_t> sums;
  std::map<std::string, std::set<int64_t>> perhaps;  // What else the sums may come to.
  for (const Event& event : history.events()) {
    if (event.withdrawn) continue;
    if (event.tentative) {
      std::set<int64_t>& more = perhaps[event.added_to];
      more.insert(0);
      for (const int64_t sum : std::set<int64_t>(more)) more.insert(sum + event.added);
    } else if (record.context().covers(event.dot)) {
      sums[event.added_to] += event.added;
    } else if (event.acknowledged_us && event.write_quorum >= least_quorum) {
      return {"P1 the increment of operation " + std::to_string(event.operation) + " is gone: " + key + " " +
              describe(record)};
    }
  }
  std::map<std::string, int64_t> shown;
  for (const auto& [id, siblings] : record.elements()) {
    shown[id.name] = std::strtoll(engine::shown_value(siblings).c_str(), nullptr, 10);
  }
  for (const auto& [name, more] : perhaps) {
    const auto found = shown.find(name);
    const int64_t difference = (found == shown.end() ? 0 : found->second) - sums[name];
    if (more.contains(difference)) sums[name] += difference;
    if (found == shown.end() && sums[name] == 0) sums.erase(name);
  }
  if (shown == sums) return {};
  std::string text = "P5 increments do not add up: " + key + " " + describe(record) + ", expected";
  for (const auto& [name, sum] : sums) text += " '" + name + "' " + std::to_string(sum);
  return {text};
}

namespace {

// The write that shows was acknowledged before a later one began, which was acknowledged in its turn.
Verdict check_real_time(const std::string& key, const KeyHistory& history, const engine::Record& record,
                        int read_quorum, int replicas, int64_t began_us) {
  const engine::Sibling* const winner = record.winner(engine::ElementKind::kValue, "");
  if (winner == nullptr) return {};
  const Event* const shown = history.putter_of({engine::ElementKind::kValue, "", winner->dot});
  if (shown == nullptr || !shown->strict || !shown->acknowledged_us) return {};
  for (const Event& event : history.events()) {
    if (!event.strict || !event.replaces || !event.acknowledged_us || *event.acknowledged_us >= began_us)
      continue;
    if (event.write_quorum + read_quorum <= replicas || event.write_quorum + shown->write_quorum <= replicas)
      continue;
    if (*shown->acknowledged_us >= event.began_us) continue;
    return {"P4 a strict read shows operation " + std::to_string(shown->operation) + ", acknowledged at " +
            std::to_string(*shown->acknowledged_us) + ", and not operation " +
            std::to_string(event.operation) + ", which began at " + std::to_string(event.began_us) + ": " +
            key + " " + describe(record)};
  }
  return {};
}

}  // namespace

Verdict check_strict_read(const std::string& key, const KeyHistory& history, const engine::Record& record,
                          int read_quorum, int replicas, int64_t began_us) {
  Account account(history, record);
  for (const Event& event : history.events()) {
    if (!event.strict || !event.acknowledged_us || *event.acknowledged_us >= began_us) continue;
    if (event.write_quorum + read_quorum <= replicas || account.has(event)) continue;
    return {"P4 a strict read misses event " + text(event.dot) + " of operation " +
            std::to_string(event.operation) + ", acknowledged at " + std::to_string(*event.acknowledged_us) +
            ": " + key + " " + describe(record)};
  }
  for (const auto& [shown, at_us] : history.shown) {
    const auto& [shown_quorum, piece] = shown;
    if (at_us >= began_us || shown_quorum + read_quorum <= replicas || account.has(piece)) continue;
    return {"P4 strict reads went backwards: " + piece.to_string() + " was shown at " +
            std::to_string(at_us) + ": " + key + " " + describe(record)};
  }
  return check_real_time(key, history, record, read_quorum, replicas, began_us);
}

}  // namespace starling::sim
