// What peers say when replicas are compared. What the decoders accept must be what the encoders write, byte
// for byte, and nothing they accept may bring either half of an exchange down.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "cluster/repair/anti_entropy.h"
#include "cluster/repair/settle_messages.h"
#include "engine/base/assert.h"

namespace {

using namespace starling::cluster;

void fuzz_answerer(std::string_view bytes, const VersionIndex& index) {
  SumsRequest sums;
  if (decode_sums(bytes, &sums)) {
    STARLING_ASSERT(encode_sums(sums) == bytes);
    (void)encode_sums_reply(answer_sums(sums, index));
  }
  ListRequest list;
  if (!decode_list(bytes, &list)) return;
  STARLING_ASSERT(encode_list(list) == bytes);
  Comparison comparison;
  if (compare_lists(list.entries, list.settled, {}, 0, &comparison)) {
    STARLING_ASSERT(comparison.wanted.size() <= list.entries.size() && comparison.push.empty());
  }
}

void fuzz_settling(std::string_view bytes) {
  Epoch epoch;
  TreeKind kind;
  if (!peek_tree(bytes, &epoch, &kind)) return;
  Mark since;
  if (kind == TreeKind::kBusy && decode_busy(bytes, &since))
    STARLING_ASSERT(encode_busy(epoch, since) == bytes);
  AdoptRequest adopt;
  if (kind == TreeKind::kAdopt && decode_adopt(bytes, &adopt)) STARLING_ASSERT(encode_adopt(adopt) == bytes);
  SameRequest same;
  if (kind == TreeKind::kSame && decode_same(bytes, &same)) STARLING_ASSERT(encode_same(same) == bytes);
  ProvenRequest proven;
  if (kind == TreeKind::kProven && decode_proven(bytes, &proven))
    STARLING_ASSERT(encode_proven(proven) == bytes);
  starling::engine::Stamp stamp;
  if (kind == TreeKind::kClock && decode_clock(bytes, &stamp))
    STARLING_ASSERT(encode_clock(epoch, stamp) == bytes);
}

void fuzz_asker(std::string_view bytes, const VersionIndex& index) {
  SumsReply sums;
  if (decode_sums_reply(bytes, &sums)) STARLING_ASSERT(encode_sums_reply(sums).substr(1) == bytes);
  ListReply list;
  if (decode_list_reply(bytes, &list)) STARLING_ASSERT(encode_list_reply(list).substr(1) == bytes);

  Exchange exchange(1, false, PartitionSet().set());
  (void)exchange.start(index);
  const std::string reply = begin_reply(ReplyResult::kOk) + std::string(bytes);
  Exchange::Action action = exchange.receive(reply, index);
  if (action.kind != Exchange::Action::Kind::kList) return;
  action = exchange.listed({}, kEndPosition, 0);
  action = exchange.receive(reply, index);
  STARLING_ASSERT(action.kind == Exchange::Action::Kind::kFailed);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const VersionIndex index;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  fuzz_answerer(bytes, index);
  fuzz_asker(bytes, index);
  fuzz_settling(bytes);
  return 0;
}
