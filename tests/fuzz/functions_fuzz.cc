// What is known of functions, as files and other nodes bring it, and FUNCTION RESTORE's payloads, as clients do: no
// input crashes, and what is taken comes back as it was. HyperLogLogs too, whose bytes clients SET.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/assert.h"
#include "engine/record/hyperloglog.h"
#include "server/commands/scripting/function_payload.h"
#include "server/execute/script/function_libraries.h"
#include "server/execute/script/library_text.h"
#include "server/rdb/crc64.h"
#include "server/rdb/little_endian.h"

namespace {

using namespace starling;

void check_libraries(std::string_view bytes) {
  std::vector<server::FunctionLibrary> decoded;
  server::FunctionLibraries libraries;
  const bool good = server::decode_libraries(bytes, &decoded);
  STARLING_ASSERT(libraries.merge(bytes) == good);
  if (good && libraries.state() != bytes) STARLING_ASSERT(decoded.size() > 1000);
}

void check_payload(std::string_view bytes) {
  std::string sealed(bytes);
  server::append_little_endian(10, 2, &sealed);
  server::append_little_endian(server::crc64(sealed), 8, &sealed);
  std::vector<std::string> texts, again;
  if (!server::scripting::decode_function_payload(sealed, &texts).empty()) return;
  const std::vector<std::string_view> views(texts.begin(), texts.end());
  STARLING_ASSERT(
      server::scripting::decode_function_payload(server::scripting::encode_function_payload(views), &again)
          .empty());
  STARLING_ASSERT(texts == again);
}

// Whatever the runs say, a raised register is that high, if it is taken at all.
void check_hyperloglog(std::string_view bytes) {
  if (!engine::is_hyperloglog(bytes)) return;
  engine::Registers before{}, after{};
  const bool good = engine::raise_all(bytes, &before);
  std::string value(bytes);
  const size_t index = bytes.size() * 7919 % engine::kRegisterCount;
  const auto to = static_cast<uint8_t>(1 + static_cast<uint8_t>(bytes.back()) % 51);
  const engine::Raise outcome = engine::raise(index, to, &value);
  STARLING_ASSERT(engine::is_hyperloglog(value));
  if (!good) return;
  STARLING_ASSERT(outcome != engine::Raise::kDamaged && engine::raise_all(value, &after));
  STARLING_ASSERT((outcome == engine::Raise::kRaised) == (before[index] < to));
  before[index] = std::max(before[index], to);
  STARLING_ASSERT(before == after);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  check_libraries(bytes);
  check_payload(bytes);
  check_hyperloglog(bytes);
  check_hyperloglog("HYLL\x01" + std::string(11, '\0') + std::string(bytes));
  std::string name;
  size_t lua_from = 0;
  if (server::read_library_header(bytes, &name, &lua_from).empty())
    STARLING_ASSERT(lua_from < size && server::is_library_name(name));
  return 0;
}
