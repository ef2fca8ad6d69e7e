#include "server/cluster/sums_file.h"

#include <xxhash.h>

#include <fstream>
#include <iterator>
#include <string_view>

#include "engine/base/byte_codec.h"
#include "server/cluster/durable_file.h"

namespace starling::server {
namespace {

constexpr std::string_view kSumsMagic = "STARLING-SUMS-3\n";
const std::string kSumsName = "sums";

std::vector<PartitionSum> decode(std::string_view bytes, const engine::Incarnation& incarnation) {
  if (bytes.size() < kSumsMagic.size() + sizeof(uint64_t) || !bytes.starts_with(kSumsMagic)) return {};
  const std::string_view checked = bytes.substr(0, bytes.size() - sizeof(uint64_t));
  if (XXH3_64bits(checked.data(), checked.size()) != engine::load_u64(bytes.data() + checked.size()))
    return {};
  engine::ByteReader reader(checked.substr(kSumsMagic.size()));
  uint64_t actor, stamp, count;
  if (!reader.read_u64(&actor) || !reader.read_u64(&stamp) || !reader.read_varint(&count)) return {};
  if (actor != incarnation.actor || stamp != incarnation.last_stamp || count > engine::kPartitionCount)
    return {};
  std::vector<PartitionSum> sums;
  for (uint64_t i = 0; i < count; ++i) {
    uint64_t partition, sum;
    if (!reader.read_varint(&partition) || partition >= engine::kPartitionCount || !reader.read_u64(&sum))
      return {};
    sums.emplace_back(static_cast<uint16_t>(partition), sum);
  }
  return reader.left() == 0 ? sums : std::vector<PartitionSum>();
}

}  // namespace

engine::Status save_sums(const std::string& directory, const engine::Incarnation& incarnation,
                         const std::vector<PartitionSum>& sums) {
  std::string bytes(kSumsMagic);
  engine::append_u64(incarnation.actor, &bytes);
  engine::append_u64(incarnation.last_stamp, &bytes);
  engine::append_varint(sums.size(), &bytes);
  for (const auto& [partition, sum] : sums) {
    engine::append_varint(partition, &bytes);
    engine::append_u64(sum, &bytes);
  }
  engine::append_u64(XXH3_64bits(bytes.data(), bytes.size()), &bytes);
  return replace_file(directory, kSumsName, bytes);
}

std::vector<PartitionSum> take_sums(const std::string& directory, const engine::Incarnation& incarnation) {
  std::string bytes;
  {
    std::ifstream file(directory + "/" + kSumsName, std::ios::binary);
    if (!file) return {};
    bytes.assign(std::istreambuf_iterator<char>(file), {});
  }
  // One that cannot be taken away might be read again after records have changed.
  if (!remove_file(directory, kSumsName).ok()) return {};
  return decode(bytes, incarnation);
}

}  // namespace starling::server
