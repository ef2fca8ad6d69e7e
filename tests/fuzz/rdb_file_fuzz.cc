// Whole RDB files: from a server that this node is told to follow, and from whoever has a file imported. No input may
// crash the reader; cut in pieces it is read as in one; and a value that is taken for
// readable is one that RESTORE takes.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/assert.h"
#include "server/rdb/rdb_file.h"
#include "server/rdb/rdb_payload.h"

namespace {

using namespace starling::server;

struct Outcome {
  std::vector<std::string> items;
  RdbFileReader::Result end;
  std::string error;
  bool operator==(const Outcome&) const = default;
};

Outcome outcome_of(std::string_view file, size_t piece) {
  constexpr size_t kLargest = 1 << 16;
  RdbFileReader reader(kLargest);
  Outcome outcome;
  for (;;) {
    RdbItem item;
    outcome.end = reader.next(&item);
    if (outcome.end == RdbFileReader::Result::kItem) {
      std::string line = std::to_string(static_cast<int>(item.kind)) + " " + std::to_string(item.database) +
                         " " + std::to_string(item.offset) + " " + std::to_string(item.deadline_ms) + " ";
      line.append(item.name).append(" ").append(item.text);
      if (item.kind == RdbItem::Kind::kValue) {
        STARLING_ASSERT(rdb_payload_intact(item.text));
        line += rdb_value_readable(item) ? "+" : "-";
      }
      outcome.items.push_back(std::move(line));
      continue;
    }
    if (outcome.end != RdbFileReader::Result::kMore || file.empty()) break;
    reader.feed(file.substr(0, piece));
    file.remove_prefix(std::min(piece, file.size()));
  }
  outcome.error = reader.error();
  return outcome;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const std::string_view body(reinterpret_cast<const char*>(data) + 1, size - 1);
  // Most inputs are parts without what a file begins with.
  const std::string file = (data[0] & 0x80) != 0 ? std::string(body) : "REDIS0011" + std::string(body);
  const size_t piece = 1 + (data[0] & 0x7f);
  STARLING_ASSERT(outcome_of(file, piece) == outcome_of(file, file.size() + 1));
  return 0;
}
