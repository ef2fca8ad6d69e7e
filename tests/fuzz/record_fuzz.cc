// The decoders of everything that comes from peers, clients and disks. No input may crash them, and what they
// accept must be what the encoders write, byte for byte.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "engine/base/assert.h"
#include "engine/record/counter.h"
#include "engine/record/join.h"
#include "engine/record/record_codec.h"
#include "engine/record/storage_key.h"

namespace {

using namespace starling::engine;

// Contributions are shown as what they are to whoever looks, and the winner is the same both ways.
void check_shown(const Siblings& siblings) {
  const Siblings shown = shown_siblings(siblings);
  STARLING_ASSERT(!shown.empty() && shown.size() <= siblings.size());
  STARLING_ASSERT(shown.back().value == shown_value(siblings) && shown.back().dot == siblings.back().dot);
}

void fuzz_record(std::string_view bytes) {
  Record record;
  if (!decode_record(bytes, &record).ok()) return;
  std::string again;
  encode_record(record, &again);
  STARLING_ASSERT(again == bytes);
  Record twice = record;
  twice.merge(record);
  STARLING_ASSERT(twice == record);
  (void)record.type(1);
  (void)record.string(1);
  for (const auto& [id, siblings] : record.elements()) check_shown(siblings);
}

void fuzz_header(std::string_view bytes) {
  Header header;
  if (!decode_header(bytes, &header).ok() || !header.collections.empty()) return;
  std::string again;
  encode_header(header.record, &again);
  STARLING_ASSERT(again == bytes);
}

void fuzz_element(std::string_view bytes) {
  Siblings siblings;
  if (!decode_element(ElementKind::kField, bytes, &siblings).ok()) return;
  std::string again;
  encode_element(siblings, &again);
  STARLING_ASSERT(again == bytes);
  check_shown(siblings);
}

void fuzz_delta(std::string_view bytes) {
  Delta delta;
  if (!decode_delta(bytes, &delta).ok()) return;
  std::string again;
  encode_delta(delta, &again);
  STARLING_ASSERT(again == bytes);
  Record record;
  if (apply_delta(delta, &record) == DeltaOutcome::kApplied) {
    again.clear();
    encode_record(record, &again);
    Record decoded;
    STARLING_ASSERT(decode_record(again, &decoded).ok() && decoded == record);
  }
}

void fuzz_context(std::string_view bytes) {
  VersionVector context;
  if (!decode_context(bytes, 64, &context).ok()) return;
  std::string again;
  encode_context(context, &again);
  STARLING_ASSERT(again == bytes);
}

void fuzz_keys(std::string_view bytes) {
  RecordKey position;
  DeadlineKey deadline;
  ElementName element;
  (void)decode_deadline_key(bytes, &deadline);
  if (decode_record_key(bytes, &position)) {
    std::string again;
    append_record_key(position.space, position.partition, position.hash, position.name, &again);
    STARLING_ASSERT(again == bytes);
  }
  const size_t prefix_bytes = bytes.size() / 2;
  if (decode_element_name(bytes, prefix_bytes, &element)) {
    std::string again(bytes.substr(0, prefix_bytes));
    append_element_name(element.kind, element.name, &again);
    STARLING_ASSERT(again == bytes);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  fuzz_record(bytes);
  fuzz_header(bytes);
  fuzz_element(bytes);
  fuzz_delta(bytes);
  fuzz_context(bytes);
  fuzz_keys(bytes);
  return 0;
}
