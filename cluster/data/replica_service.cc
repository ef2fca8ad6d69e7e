#include "cluster/data/replica_service.h"

#include <algorithm>
#include <span>
#include <utility>

#include "engine/base/assert.h"
#include "engine/core/hint_table.h"
#include "engine/replica/record_difference.h"
#include "engine/replica/replication.h"

namespace starling::cluster {
namespace {

// Of requests that wait for the disk; more are refused, and repaired later.
constexpr size_t kWaitingBytes = 256 << 20;
// Answers that wait for the log, with appendfsync always. A log that stands still must not cost memory for
// ever.
constexpr size_t kMaxUndurable = 1 << 16;

// Keys of a request that are brought nearer at once: more would push each other out again.
constexpr size_t kPrefetched = 64;

}  // namespace

FrameKind reply_kind(FrameKind request) {
  switch (request) {
    case FrameKind::kWrite:
      return FrameKind::kWriteReply;
    case FrameKind::kHint:
      return FrameKind::kHintReply;
    case FrameKind::kVersion:
      return FrameKind::kVersionReply;
    default:
      return FrameKind::kStateReply;
  }
}

void ReplicaService::refuse(uint64_t link, FrameKind kind, uint64_t correlation, ReplyResult result,
                            std::string_view why) {
  host_.reply(link, reply_kind(kind), correlation, text_reply(result, why));
}

bool ReplicaService::check_epoch(uint64_t link, FrameKind kind, uint64_t correlation, MessageReader& reader,
                                 Epoch* epoch) {
  if (!reader.read_epoch(epoch)) {
    refuse(link, kind, correlation, ReplyResult::kRefused, "malformed request");
    return false;
  }
  if (*epoch >= host_.epoch()) return true;
  host_.reply(link, reply_kind(kind), correlation, stale_epoch_reply(host_.epoch()));
  return false;
}

void ReplicaService::handle(uint64_t link, FrameKind kind, uint64_t correlation, std::string_view payload) {
  std::vector<KeyName> missing;
  const bool writes = kind == FrameKind::kWrite || kind == FrameKind::kHint;
  const Progress progress = writes ? store(link, kind, correlation, payload, &missing)
                                   : tell(link, kind, correlation, payload, &missing);
  if (progress == Progress::kDone) return;
  // One that is larger than that waits alone.
  if (waiting_bytes_ != 0 && waiting_bytes_ + payload.size() > kWaitingBytes) {
    return refuse(link, kind, correlation, ReplyResult::kUnavailable, "too much waits for the disk");
  }
  if (progress == Progress::kUndecided) {
    waiting_bytes_ += payload.size();
    parked_.push_back({link, kind, correlation, std::string(payload)});
    return;
  }
  fetch({link, kind, correlation, std::string(payload)}, missing);
}

// What it asks to be changed; false: it makes no sense.
bool ReplicaService::read_changes(MessageReader& reader) {
  parsed_.clear();
  lookups_.clear();
  Change change;
  while (!reader.at_end()) {
    if (!reader.read_change(&change)) return false;
    if (change.form == ChangeForm::kIf && !parsed_.empty() && parsed_.front().change.form != ChangeForm::kIf)
      return false;
    parsed_.push_back({change, engine::Key(change.key)});
    lookups_.emplace_back(change.database, parsed_.back().key);
  }
  return true;
}

// What is hidden is told with the answer to the records that a gap asks for.
std::string ReplicaService::stored_reply(const std::string& gaps, const std::string& hidden,
                                         const std::vector<size_t>& hidden_numbers) {
  if (gaps.empty()) return begin_reply(hidden.empty() ? ReplyResult::kOk : ReplyResult::kOverruled) + hidden;
  std::string reply = begin_reply(ReplyResult::kGap) + gaps;
  for (const size_t number : hidden_numbers) append_gap({number, {}, {}}, &reply);
  return reply;
}

void ReplicaService::prefetch_from(size_t number) {
  // One gains nothing: what it waits for, it would wait for here.
  if (number % kPrefetched != 0 || lookups_.size() - number < 2) return;
  engine_.prefetch(std::span<const engine::Lookup>(lookups_).subspan(
      number, std::min(kPrefetched, lookups_.size() - number)));
}

namespace {

// Why a merge changed nothing and is not to be tried again; empty: that is not so.
std::string_view refusal_of(engine::MergeOutcome outcome) {
  switch (outcome) {
    case engine::MergeOutcome::kCorrupt:
      return "malformed request";
    case engine::MergeOutcome::kStampTooFarAhead:
      return "a stamp too far in the future: the clocks of the nodes differ";
    case engine::MergeOutcome::kTooManyActors:
      return "too many actors: the records here have as many as a node can tell apart";
    case engine::MergeOutcome::kApplied:
    case engine::MergeOutcome::kUnchanged:
    case engine::MergeOutcome::kGap:
      break;
  }
  return {};
}

// A gap is noted with what its repair needs to know.
engine::MergeOutcome merge(engine::Operation& operation, const engine::KeyRef& reference,
                           const Change& change, uint64_t number, std::string* gaps,
                           engine::Stamp* overruled) {
  engine::Replica replica(operation, reference.database);
  std::string seen, listed;
  bool whole = false;
  if (change.form == ChangeForm::kTold) return replica.merge_state(reference.key, change.body);
  if (change.form == ChangeForm::kRecord) return replica.merge_state(reference.key, change.body, overruled);
  const engine::MergeOutcome outcome =
      change.form == ChangeForm::kDelta
          ? replica.merge_delta(reference.key, change.body, overruled)
          : engine::merge_difference(operation, reference.database, reference.key, change.body, &listed,
                                     &whole, overruled);
  if (outcome != engine::MergeOutcome::kGap) return outcome;
  if (!whole) (void)replica.append_version(reference.key, &seen);
  append_gap({number, seen, listed}, gaps);
  return outcome;
}

}  // namespace

ReplicaService::Progress ReplicaService::store(uint64_t link, FrameKind kind, uint64_t correlation,
                                               std::string_view payload, std::vector<KeyName>* missing) {
  MessageReader reader(payload);
  Epoch epoch;
  if (!check_epoch(link, kind, correlation, reader, &epoch)) return Progress::kDone;
  if (!engine_.writable()) {
    refuse(link, kind, correlation, ReplyResult::kUnavailable, engine_.write_refusal().message());
    return Progress::kDone;
  }
  NodeId target;
  if ((kind == FrameKind::kHint && !reader.read_node(&target)) || !read_changes(reader)) {
    refuse(link, kind, correlation, ReplyResult::kRefused, "malformed request");
    return Progress::kDone;
  }
  // What is not its own a node keeps with a hint only: else nobody would ever take it away. (Versions and records are
  // asked of stand-ins too.) Of an epoch that this node has not heard of it cannot tell.
  const auto own = [this](const ParsedChange& parsed) { return host_.holds(parsed.key.partition); };
  if (kind == FrameKind::kWrite && epoch == host_.epoch() &&
      !std::all_of(parsed_.begin(), parsed_.end(), own)) {
    refuse(link, kind, correlation, ReplyResult::kRefused, "not a replica of the key");
    return Progress::kDone;
  }
  if (!parsed_.empty() && parsed_.front().change.form == ChangeForm::kIf)
    return store_if(link, kind, correlation, missing);
  std::string gaps, hidden;
  std::vector<size_t> hidden_numbers;
  engine::LogPosition position = 0;
  const int64_t now_ms = host_.now_ms();
  for (size_t number = 0; number < parsed_.size(); ++number) {
    prefetch_from(number);
    const auto& [change, key] = parsed_[number];
    const engine::KeyRef reference{change.database, key};
    engine::Operation operation(engine_, now_ms);
    operation.lock(reference);
    if (host_.undecided(change.database, change.key)) {
      operation.finish();
      return Progress::kUndecided;
    }
    if (!operation.resident(reference)) {
      operation.finish();
      missing->push_back({change.database, change.key});
      continue;
    }
    if (kind == FrameKind::kHint) {
      const std::string_view id(reinterpret_cast<const char*>(target.bytes.data()), target.bytes.size());
      if (operation.keep_hint(reference, id) == engine::HintOutcome::kNoRoom) {
        operation.finish();
        refuse(link, kind, correlation, ReplyResult::kUnavailable, "no room for more hints");
        return Progress::kDone;
      }
    }
    engine::Replica replica(operation, change.database);
    engine::Stamp overruled = 0;
    const engine::MergeOutcome outcome = merge(operation, reference, change, number, &gaps, &overruled);
    position = std::max(position, operation.finish());
    if (overruled != 0) {
      append_key({change.database, change.key}, &hidden);
      engine::append_varint(overruled, &hidden);
      hidden_numbers.push_back(number);
    }
    if (const std::string_view why = refusal_of(outcome); !why.empty()) {
      refuse(link, kind, correlation, ReplyResult::kRefused, why);
      return Progress::kDone;
    }
  }
  if (!missing->empty()) return Progress::kMissing;
  // What was known already may be undurable still.
  if (position == 0) position = engine_.last_position();
  stored_.push_back(
      {link, reply_kind(kind), correlation, position, stored_reply(gaps, hidden, hidden_numbers)});
  return Progress::kDone;
}

void ReplicaService::resume_parked() {
  for (Request& request : std::exchange(parked_, {})) {
    waiting_bytes_ -= request.payload.size();
    handle(request.link, request.kind, request.correlation, request.payload);
  }
}

namespace {

// What no other attempt has: the version that it leads to on the first of its keys that it changes.
std::string_view name_of(std::span<const Condition> conditions) {
  const auto first = std::find_if(conditions.begin(), conditions.end(),
                                  [](const Condition& condition) { return !condition.record.empty(); });
  return first == conditions.end() ? std::string_view() : first->after;
}

}  // namespace

// Nothing: malformed.
std::optional<ReplicaService::Standing> ReplicaService::standing_of(engine::Operation& operation,
                                                                    std::span<const engine::KeyRef> keys,
                                                                    std::span<const Condition> conditions) {
  bool there = true, conflict = false;
  for (size_t number = 0; number < keys.size(); ++number) {
    const Condition& condition = conditions[number];
    engine::Replica replica(operation, keys[number].database);
    engine::Order order;
    if (!condition.record.empty()) {
      if (!replica.compare(keys[number].key, condition.after, &order).ok()) return std::nullopt;
      there &= order == engine::Order::kEqual || order == engine::Order::kAfter;
    }
    if (!replica.compare(keys[number].key, condition.base, &order).ok()) return std::nullopt;
    conflict |= order == engine::Order::kAfter || order == engine::Order::kConcurrent ||
                host_.undecided(keys[number].database, keys[number].key.name);
  }
  const std::string_view name = name_of(conditions);
  if (!name.empty() && there) return Standing::kThere;
  if (!name.empty() && host_.refused_attempts().contains(name)) return Standing::kRefused;
  return conflict ? Standing::kRefused : Standing::kNew;
}

// All of it or nothing, under the one stripe that its keys have.
ReplicaService::Progress ReplicaService::store_if(uint64_t link, FrameKind kind, uint64_t correlation,
                                                  std::vector<KeyName>* missing) {
  const auto malformed = [&] {
    refuse(link, kind, correlation, ReplyResult::kRefused, "malformed request");
    return Progress::kDone;
  };
  std::vector<engine::KeyRef> keys;
  std::vector<Condition> conditions(parsed_.size());
  for (size_t number = 0; number < parsed_.size(); ++number) {
    const auto& [change, key] = parsed_[number];
    if (change.form != ChangeForm::kIf || key.partition != parsed_[0].key.partition ||
        !read_condition(change.body, &conditions[number])) {
      return malformed();
    }
    keys.push_back({change.database, key});
  }
  engine::Operation operation(engine_, host_.now_ms());
  operation.lock(keys);
  for (const engine::KeyRef& key : keys) {
    if (!operation.resident(key)) missing->push_back({static_cast<uint8_t>(key.database), key.key.name});
  }
  if (!missing->empty()) {
    operation.finish();
    return Progress::kMissing;
  }
  const std::optional<Standing> standing = standing_of(operation, keys, conditions);
  if (!standing) {
    operation.finish();
    return malformed();
  }
  bool refused = *standing == Standing::kRefused;
  engine::MergeOutcome outcome = engine::MergeOutcome::kApplied;
  for (size_t number = 0; number < keys.size() && *standing == Standing::kNew; ++number) {
    if (conditions[number].record.empty()) continue;
    outcome = engine::Replica(operation, keys[number].database)
                  .merge_state(keys[number].key, conditions[number].record);
    if (!refusal_of(outcome).empty()) break;
  }
  const bool refused_merge = outcome != engine::MergeOutcome::kCorrupt && !refusal_of(outcome).empty();
  refused |= refused_merge;
  if (refused) host_.refused_attempts().note(name_of(conditions));
  engine::LogPosition position = operation.finish();
  if (outcome == engine::MergeOutcome::kCorrupt) return malformed();
  if (refused_merge) {
    refuse(link, kind, correlation, ReplyResult::kRefused, refusal_of(outcome));
    return Progress::kDone;
  }
  if (refused) {
    host_.reply(link, reply_kind(kind), correlation, begin_reply(ReplyResult::kConflict));
    return Progress::kDone;
  }
  if (position == 0) position = engine_.last_position();
  stored_.push_back({link, reply_kind(kind), correlation, position, begin_reply(ReplyResult::kOk)});
  return Progress::kDone;
}

bool ReplicaService::read_asked(MessageReader& reader) {
  asked_.clear();
  lookups_.clear();
  KeyName name;
  while (!reader.at_end()) {
    if (!reader.read_key(&name)) return false;
    asked_.push_back({name.database, engine::Key(name.key)});
    lookups_.emplace_back(name.database, asked_.back().key);
  }
  return true;
}

ReplicaService::Progress ReplicaService::tell(uint64_t link, FrameKind kind, uint64_t correlation,
                                              std::string_view payload, std::vector<KeyName>* missing) {
  MessageReader reader(payload);
  Epoch epoch;
  if (!check_epoch(link, kind, correlation, reader, &epoch)) return Progress::kDone;
  std::string answer = begin_reply(ReplyResult::kOk);
  std::string part;
  if (!read_asked(reader)) {
    refuse(link, kind, correlation, ReplyResult::kRefused, "malformed request");
    return Progress::kDone;
  }
  const int64_t now_ms = host_.now_ms();
  for (size_t number = 0; number < asked_.size(); ++number) {
    prefetch_from(number);
    const engine::KeyRef& reference = asked_[number];
    const engine::Key& key = reference.key;
    engine::Operation operation(engine_, now_ms);
    operation.lock(reference);
    if (!operation.resident(reference)) {
      missing->push_back({static_cast<uint8_t>(reference.database), key.name});
    } else if (missing->empty()) {
      part.clear();
      engine::Replica replica(operation, reference.database);
      if (kind == FrameKind::kVersion) {
        (void)replica.append_version(key, &part);
      } else {
        (void)replica.append_state(key, &part);
      }
      engine::append_string(part, &answer);
    }
    operation.finish();
  }
  if (!missing->empty()) return Progress::kMissing;
  if (kind == FrameKind::kVersion) engine::append_varint(engine::last_stamp(engine_), &answer);
  // What is told counts for a quorum: it must not be forgotten in a power failure.
  const engine::LogPosition position = engine_.last_position();
  if (engine_.fsync() == engine::Fsync::kAlways && !engine_.durable(position)) {
    hold({link, reply_kind(kind), correlation, position, std::move(answer)});
    engine_.request_sync();
  } else {
    host_.reply(link, reply_kind(kind), correlation, answer);
  }
  return Progress::kDone;
}

void ReplicaService::fetch(Request request, const std::vector<KeyName>& missing) {
  ++waiting_;
  waiting_bytes_ += request.payload.size();
  // The names that the keys refer to must outlive the fetch: they are views of a payload that is kept.
  auto kept = std::make_shared<Request>(std::move(request));
  auto names = std::make_shared<std::deque<std::string>>();
  std::vector<engine::KeyRef> keys;
  for (const KeyName& name : missing) {
    names->emplace_back(name.key);
    keys.push_back({name.database, engine::Key(names->back())});
  }
  engine_.fetch(std::move(keys), [this, kept, names,
                                  alive = std::weak_ptr<bool>(alive_)](const engine::Status& status) {
    host_.post([this, kept, alive, status] {
      if (alive.expired()) return;
      --waiting_;
      waiting_bytes_ -= kept->payload.size();
      if (status.ok()) return handle(kept->link, kept->kind, kept->correlation, kept->payload);
      refuse(kept->link, kept->kind, kept->correlation, ReplyResult::kUnavailable, status.message());
    });
  });
}

void ReplicaService::settle(const engine::Status& committed) {
  const bool always = engine_.fsync() == engine::Fsync::kAlways;
  for (Acknowledgement& done : stored_) {
    if (!committed.ok()) {
      host_.reply(done.link, done.kind, done.correlation,
                  text_reply(ReplyResult::kUnavailable, committed.message()));
    } else if (always && !engine_.durable(done.position)) {
      hold(std::move(done));
    } else {
      host_.reply(done.link, done.kind, done.correlation, done.payload);
    }
  }
  stored_.clear();
  if (!undurable_.empty()) engine_.request_sync();
}

// Until the log has caught up with it. Who asked has a time limit, so not more than the last ones are worth
// keeping.
void ReplicaService::hold(Acknowledgement answer) {
  if (undurable_.size() >= kMaxUndurable) {
    give_up(undurable_.front(), "the commit log is not made durable in time");
    undurable_.pop_front();
  }
  undurable_.push_back(std::move(answer));
}

void ReplicaService::give_up(const Acknowledgement& answer, std::string_view why) {
  host_.reply(answer.link, answer.kind, answer.correlation, text_reply(ReplyResult::kUnavailable, why));
}

void ReplicaService::on_durable() {
  while (!undurable_.empty() && engine_.durable(undurable_.front().position)) {
    const Acknowledgement& done = undurable_.front();
    host_.reply(done.link, done.kind, done.correlation, done.payload);
    undurable_.pop_front();
  }
  if (undurable_.empty() || engine_.writable()) return;
  const engine::Status status = engine_.commit();
  if (status.ok()) return engine_.request_sync();
  for (const Acknowledgement& answer : std::exchange(undurable_, {})) give_up(answer, status.message());
}

}  // namespace starling::cluster
