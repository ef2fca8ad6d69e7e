#include "server/commands/scripting/function_payload.h"

#include <cstdint>

#include "server/rdb/crc64.h"
#include "server/rdb/little_endian.h"
#include "server/rdb/rdb_payload.h"
#include "server/rdb/rdb_strings.h"

namespace starling::server::scripting {
namespace {

constexpr uint8_t kFunction = 0xf5, kEarlyFunction = 0xf6;
constexpr int kVersion = 10;
constexpr size_t kEndBytes = 10;

}  // namespace

std::string encode_function_payload(const std::vector<std::string_view>& texts) {
  std::string payload;
  for (const std::string_view text : texts) {
    payload.push_back(static_cast<char>(kFunction));
    append_rdb_string(text, &payload);
  }
  append_little_endian(kVersion, 2, &payload);
  append_little_endian(crc64(payload), 8, &payload);
  return payload;
}

std::string decode_function_payload(std::string_view payload, std::vector<std::string>* texts) {
  if (!rdb_payload_intact(payload)) return "ERR DUMP payload version or checksum are wrong";
  RdbReader reader(payload.substr(0, payload.size() - kEndBytes));
  RdbStrings strings;
  while (reader.left() != 0) {
    uint8_t kind = 0;
    std::string_view text;
    if (!reader.byte(&kind)) return "ERR can not read data type";
    if (kind == kEarlyFunction) return "ERR Pre-GA function format not supported";
    if (kind != kFunction) return "ERR given type is not a function";
    if (!reader.string(&strings, &text)) return "ERR Failed loading library code";
    texts->emplace_back(text);
  }
  return {};
}

}  // namespace starling::server::scripting
