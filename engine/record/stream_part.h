// What the elements of a stream are: one for each entry, and one for each thing that is known of it and its groups. All
// are of one kind (element_kind.h), so that whatever is true of a collection's elements is true of them; the first byte
// of the name tells them apart, and the names' bytes are their order, in which the entries come first.
//
//   name := 0x01 id                               an entry
//         | 0x02 actor                            totals, as far as the events of this actor made them
//         | 0x03 group                            a group
//         | 0x04 group actor                      what of the stream the group was given by this actor
//         | 0x05 group consumer                   a consumer of the group
//         | 0x06 group id                         an entry that was given to a consumer and not acknowledged
//   id := ms u64 seq u64, big-endian; actor := u64; group := varint length, its bytes
//
//   value of an entry := form (varint length, bytes)*    form: 0x00 its id was given by the client, 0x01 by a node;
//                                                          fields and values by turns, one field at least
//   of totals   := last id, greatest id deleted: id; removed i64         little-endian, as what follows
//   of a group  := epoch: stamp u64 actor u64; first id: id; entries read i64
//   of a cursor := epoch; entries read i64; reach*
//   reach       := id (0x00 | 0x01 context)       all entries up to the id; or those of them that the context covers
//   of a consumer := seen ms i64, active ms i64
//   of a pending entry := delivered ms i64, deliveries varint, consumer's name
//
// Ids of entries rise with time, and the greatest one is the stream's last: only when it goes is it written down, in
// the totals. So adding an entry is one element and no more.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/dot.h"
#include "engine/record/version_vector.h"

namespace starling::engine {

struct StreamId {
  uint64_t ms = 0;
  uint64_t seq = 0;

  auto operator<=>(const StreamId&) const = default;
};
inline constexpr StreamId kGreatestStreamId = {UINT64_MAX, UINT64_MAX};
// Nothing behind the greatest, before the least.
std::optional<StreamId> next_of(StreamId id);
std::optional<StreamId> previous_of(StreamId id);

enum class StreamPart : uint8_t {
  kEntry = 1,
  kTotals = 2,
  kGroup = 3,
  kCursor = 4,
  kConsumer = 5,
  kPending = 6,
};
inline StreamPart part_of(std::string_view name) {
  return static_cast<StreamPart>(name[0]);
}
// Precondition: the name of an entry, or of a pending one.
StreamId id_in(std::string_view name);
// Precondition: of a part of a group.
std::string_view group_in(std::string_view name);
// What follows the group: empty, an actor, a consumer's name or an id.
std::string_view behind_group(std::string_view name);

std::string entry_name(StreamId id);
std::string totals_name(ActorId actor);
// With what follows: `behind`, as above.
std::string group_part_name(StreamPart part, std::string_view group, std::string_view behind = {});
std::string actor_bytes(ActorId actor);
std::string id_bytes(StreamId id);

// --- Values.

// Takes the fields and values one after the other. Empty at the end.
class StreamFields {
 public:
  // Precondition: an entry's value.
  explicit StreamFields(std::string_view value) : left_(value.substr(1)) {}
  bool empty() const { return left_.empty(); }
  std::string_view next();
  // Of all that are left, values included.
  uint64_t count() const;

 private:
  std::string_view left_;
};
enum class IdGivenBy : uint8_t { kClient = 0, kNode = 1 };
// Begins an entry's value; then append_string() for each field and value.
std::string begin_entry(IdGivenBy given_by);
inline IdGivenBy given_by(std::string_view entry) {
  return static_cast<IdGivenBy>(entry[0]);
}

// Clients say what is counted, up to the greatest: sums go round.
constexpr int64_t counted_on(int64_t count, uint64_t more) {
  return static_cast<int64_t>(static_cast<uint64_t>(count) + more);
}

struct StreamTotals {
  StreamId last;
  StreamId max_deleted;
  int64_t removed = 0;  // Entries that are gone.

  // How many there ever were, when so many are there.
  int64_t added(uint64_t size) const { return counted_on(removed, size); }
};
inline constexpr int64_t kUnknownCount = -1;

struct StreamGroup {
  Dot epoch;  // Of the event that made it, or gave it a new place to begin: cursors of others do not count.
  StreamId first;  // What it is given is behind that.
  int64_t entries_read = kUnknownCount;
};
struct StreamReach {
  StreamId id;
  // Nothing: by whomever.
  std::optional<VersionVector> seen;
};
struct StreamCursor {
  Dot epoch;
  int64_t entries_read = kUnknownCount;
  std::vector<StreamReach> reaches;
};
inline constexpr int64_t kNeverActive = -1;
struct StreamConsumer {
  int64_t seen_ms = 0;
  int64_t active_ms = kNeverActive;
};
struct PendingEntry {
  int64_t delivered_ms = 0;
  uint64_t deliveries = 0;
  std::string_view consumer;  // Into the value.
};

std::string encode(const StreamTotals& totals);
std::string encode(const StreamGroup& group);
std::string encode(const StreamCursor& cursor);
std::string encode(const StreamConsumer& consumer);
std::string encode(const PendingEntry& pending);
// False: it is none.
[[nodiscard]] bool decode(std::string_view value, StreamTotals* totals);
[[nodiscard]] bool decode(std::string_view value, StreamGroup* group);
[[nodiscard]] bool decode(std::string_view value, StreamCursor* cursor);
[[nodiscard]] bool decode(std::string_view value, StreamConsumer* consumer);
[[nodiscard]] bool decode(std::string_view value, PendingEntry* pending);

bool is_stream_part(std::string_view name);
// Precondition: is_stream_part(name).
bool is_stream_part_value(std::string_view name, std::string_view value);

}  // namespace starling::engine
