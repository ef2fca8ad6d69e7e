// RESTORE's payloads: from clients, and intact as soon as they took the trouble to compute a checksum. No
// input may crash the decoder or take memory out of proportion, and what it accepts must come back from the
// encoder.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/assert.h"
#include "resp/number.h"
#include "server/rdb/crc64.h"
#include "server/rdb/little_endian.h"
#include "server/rdb/rdb_payload.h"

namespace {

using namespace starling::server;
using starling::engine::Type;

std::string sealed(std::string_view body) {
  std::string payload(body);
  append_little_endian(10, 2, &payload);
  append_little_endian(crc64(payload), 8, &payload);
  return payload;
}

void check_round_trip(const RdbValue& value, RdbForm form, bool same_order) {
  const std::string payload = encode_rdb_payload(value, form);
  STARLING_ASSERT(rdb_payload_intact(payload));
  RdbValue again;
  STARLING_ASSERT(decode_rdb_payload(payload, &again));
  STARLING_ASSERT(again.type == value.type && again.strings.all.size() == value.strings.all.size());
  STARLING_ASSERT(!same_order || again.strings.all == value.strings.all);
}

bool all_integers(const std::vector<std::string_view>& strings) {
  int64_t unused = 0;
  for (const std::string_view text : strings) {
    if (!starling::resp::parse_integer(text, &unused)) return false;
  }
  return true;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view body(reinterpret_cast<const char*>(data), size);
  RdbValue unused;
  if (rdb_payload_intact(body)) {
    (void)decode_rdb_payload(body, &unused);
    (void)decode_rdb_collection(body);
  }

  const std::string payload = sealed(body);
  RdbValue value;
  const bool decoded = decode_rdb_payload(payload, &value);
  const auto collection = decode_rdb_collection(payload);
  if (collection != nullptr && collection->type() == Type::kSortedSet) return 0;
  if (collection != nullptr && collection->type() == Type::kStream) {
    collection->put_in_order();
    STARLING_ASSERT(decode_rdb_collection(encode_rdb_payload(*collection, RdbForm::kPlain)) != nullptr);
    return 0;
  }
  STARLING_ASSERT(collection == nullptr || (decoded && collection->type() == value.type));
  const bool made_where_restored = value.type == Type::kString || value.type == Type::kList;
  if (!decoded || (!made_where_restored && collection == nullptr)) return 0;
  check_round_trip(value, RdbForm::kPlain, true);
  if (value.type == Type::kHash) check_round_trip(value, RdbForm::kCompact, true);
  if (value.type == Type::kSet && all_integers(value.strings.all))
    check_round_trip(value, RdbForm::kCompact, false);
  return 0;
}
