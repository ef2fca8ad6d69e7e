// What nodes say to each other about records. These are the payloads of bus frames (frame.h); kind and
// correlation are the frame's.
//
//   write, hint    := epoch:varint [target:node id, hints only] change*
//   change         := database:u8 form:u8 key:string body:string
//   form           := 0 the whole record | 1 a delta             body: as in engine/record/record_codec.h
//                   | 2 the whole record, under a dot that its client was told
//   version, state := epoch:varint key*                          asks for contexts, for whole records
//                   | 3 the whole record, if nothing else is there
//                       body := base:string after:string record     The context (as of `version`) that it builds
//                       on, and its own. Without a record: only the condition. All changes of a message are
//                       of this form or none, and of one partition: all are made or none.
//                   | 4 a difference                           body: as in engine/replica/record_difference.h
//   key            := database:u8 key:string
//   reply          := result:u8 detail
//   detail         := string* [stamp:varint]    result 0: nothing for writes; a context or record for each key
//                                       asked for, empty where nothing is known; with contexts the
//                                       answerer's greatest stamp
//                   | gap*              result 1: the changes that build on what is not there
//                   | epoch:varint      result 2: the answerer's newer epoch
//                   | text:string       result 3 and 4: why
//                   | (key stamp:varint)*              result 5: keys whose changes are hidden there by writes
//                                       which their author had not seen, and the greatest stamp of those
//                                       result 6: nothing
//   gap            := number:varint seen:string listed:string     the change's; the context of what is there,
//                                       empty: the whole record is needed; of a difference, its buckets to list
//   string         := size:varint byte{size}
//
// Results and forms travel: never renumber. Readers take untrusted bytes: everything is checked against the
// end.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "cluster/wire/node_id.h"
#include "engine/base/byte_codec.h"
#include "engine/base/change_list.h"

namespace starling::cluster {

enum class ReplyResult : uint8_t {
  kOk = 0,
  kGap = 1,          // Stored, but for the changes listed: what they build on is not there.
  kStaleEpoch = 2,   // Nothing was done: the asker's topology is old.
  kUnavailable = 3,  // Nothing was done: cannot store at present.
  kRefused = 4,  // Nothing was done: makes no sense here (malformed, not a replica, a stamp from the future).
  kOverruled = 5,  // Stored, but greater stamps hide the changes listed.
  kConflict = 6,   // Nothing was done: there is something that a change of form 3 does not build on.
};

// kTold: as kRecord, but whoever wrote it knows its dot (VCLOCK): it cannot be given another one.
enum class ChangeForm : uint8_t { kRecord = 0, kDelta = 1, kTold = 2, kIf = 3, kDifference = 4 };

// Views into the message, or into what the writer holds.
struct Change {
  uint8_t database = 0;
  ChangeForm form = ChangeForm::kRecord;
  std::string_view key;
  std::string_view body;
};

// The body of a change of the form kIf.
struct Condition {
  std::string_view base, after, record;
};
std::string condition_body(const Condition& condition);
[[nodiscard]] bool read_condition(std::string_view body, Condition* condition);

struct KeyName {
  uint8_t database = 0;
  std::string_view key;
};

ChangeForm form_of(engine::ChangeKind kind);
struct GapItem {
  uint64_t number = 0;
  std::string_view seen, listed;
};

void append_change(const Change& change, std::string* out);
void append_gap(const GapItem& gap, std::string* out);
void append_key(const KeyName& key, std::string* out);

// --- Each begins a message; append changes, keys or details behind.
std::string begin_request(Epoch epoch);
std::string begin_hint(Epoch epoch, const NodeId& target);
std::string begin_reply(ReplyResult result);
std::string text_reply(ReplyResult result, std::string_view text);
std::string stale_epoch_reply(Epoch epoch);

// Reads the front of a message; what follows is read by the functions below until nothing is left.
class MessageReader {
 public:
  explicit MessageReader(std::string_view payload) : rest_(payload) {}
  bool at_end() const { return rest_.left() == 0; }
  [[nodiscard]] bool read_epoch(Epoch* epoch) { return rest_.read_varint(epoch); }
  [[nodiscard]] bool read_node(NodeId* id);
  [[nodiscard]] bool read_result(ReplyResult* result);
  [[nodiscard]] bool read_change(Change* change);
  [[nodiscard]] bool read_key(KeyName* key);
  [[nodiscard]] bool read_gap(GapItem* gap);
  [[nodiscard]] bool read_string(std::string_view* value) { return rest_.read_string(value); }
  [[nodiscard]] bool read_number(uint64_t* value) { return rest_.read_varint(value); }

 private:
  engine::ByteReader rest_;
};

// Of sequences that this node has put together. Views into them.
std::vector<KeyName> keys_in(std::string_view keys);
// The keys of a sequence of `change`, as one of `key`.
std::string keys_of(std::string_view changes);

}  // namespace starling::cluster
