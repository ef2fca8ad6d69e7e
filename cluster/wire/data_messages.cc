#include "cluster/wire/data_messages.h"

#include <algorithm>

namespace starling::cluster {
namespace {

constexpr uint8_t kDatabases = 16;

}  // namespace

ChangeForm form_of(engine::ChangeKind kind) {
  if (kind == engine::ChangeKind::kDelta) return ChangeForm::kDelta;
  return kind == engine::ChangeKind::kTold ? ChangeForm::kTold : ChangeForm::kRecord;
}

void append_change(const Change& change, std::string* out) {
  engine::ShortBytes<2 + engine::kVarintBytes> front;
  front.byte(change.database);
  front.byte(static_cast<uint8_t>(change.form));
  front.varint(change.key.size());
  out->append(front.view());
  out->append(change.key);
  engine::append_string(change.body, out);
}

std::string condition_body(const Condition& condition) {
  std::string body;
  engine::append_string(condition.base, &body);
  engine::append_string(condition.after, &body);
  body += condition.record;
  return body;
}

bool read_condition(std::string_view body, Condition* condition) {
  engine::ByteReader reader(body);
  if (!reader.read_string(&condition->base) || !reader.read_string(&condition->after)) return false;
  condition->record = reader.rest();
  return true;
}

void append_gap(const GapItem& gap, std::string* out) {
  engine::append_varint(gap.number, out);
  engine::append_string(gap.seen, out);
  engine::append_string(gap.listed, out);
}

void append_key(const KeyName& key, std::string* out) {
  out->push_back(static_cast<char>(key.database));
  engine::append_string(key.key, out);
}

std::string begin_request(Epoch epoch) {
  std::string out;
  engine::append_varint(epoch, &out);
  return out;
}

std::string begin_hint(Epoch epoch, const NodeId& target) {
  std::string out = begin_request(epoch);
  out.append(target.bytes.begin(), target.bytes.end());
  return out;
}

std::string begin_reply(ReplyResult result) {
  return std::string(1, static_cast<char>(result));
}

std::string text_reply(ReplyResult result, std::string_view text) {
  std::string out = begin_reply(result);
  engine::append_string(text, &out);
  return out;
}

std::string stale_epoch_reply(Epoch epoch) {
  std::string out = begin_reply(ReplyResult::kStaleEpoch);
  engine::append_varint(epoch, &out);
  return out;
}

bool MessageReader::read_node(NodeId* id) {
  if (rest_.left() < NodeId::kBytes) return false;
  const std::string_view bytes = rest_.rest().substr(0, NodeId::kBytes);
  std::copy(bytes.begin(), bytes.end(), id->bytes.begin());
  rest_ = engine::ByteReader(rest_.rest().substr(NodeId::kBytes));
  return true;
}

bool MessageReader::read_result(ReplyResult* result) {
  uint8_t number;
  if (!rest_.read_byte(&number) || number > static_cast<uint8_t>(ReplyResult::kConflict)) return false;
  *result = static_cast<ReplyResult>(number);
  return true;
}

bool MessageReader::read_change(Change* change) {
  uint8_t form;
  if (!rest_.read_byte(&change->database) || change->database >= kDatabases) return false;
  if (!rest_.read_byte(&form) || form > static_cast<uint8_t>(ChangeForm::kDifference)) return false;
  change->form = static_cast<ChangeForm>(form);
  return rest_.read_string(&change->key) && rest_.read_string(&change->body);
}

bool MessageReader::read_key(KeyName* key) {
  return rest_.read_byte(&key->database) && key->database < kDatabases && rest_.read_string(&key->key);
}

bool MessageReader::read_gap(GapItem* gap) {
  return rest_.read_varint(&gap->number) && rest_.read_string(&gap->seen) && rest_.read_string(&gap->listed);
}

std::vector<KeyName> keys_in(std::string_view keys) {
  std::vector<KeyName> names;
  MessageReader reader(keys);
  KeyName key;
  while (!reader.at_end() && reader.read_key(&key)) names.push_back(key);
  return names;
}

std::string keys_of(std::string_view changes) {
  std::string keys;
  MessageReader reader(changes);
  Change change;
  while (!reader.at_end() && reader.read_change(&change)) append_key({change.database, change.key}, &keys);
  return keys;
}

}  // namespace starling::cluster
