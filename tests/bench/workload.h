// What the load generator sends and what it must get back.
//
//   key     = "key:" 12DIGIT                          16 bytes; "ctr:", "hsh:", "set:" for INCR, HSET, SADD
//   field   = "field:" 4DIGIT                          10 bytes, elements_per_key of them in each hash
//   member  = "membr:" 10DIGIT                         16 bytes, elements_per_key of them in each set
//   value   = key filler                              cut or filled to value_size_bytes
//   filler  = bytes of a pseudo-random pool from an offset that the key decides
//
// A value is a function of its key alone, so every GET can be checked without remembering what was written,
// and it neither compresses nor repeats, so a server that compresses gains nothing by the test's data.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "tests/bench/slot_owners.h"

namespace starling::bench {

enum class WorkloadKind : uint8_t { kSet, kGet, kMixed, kIncr, kHset, kSadd, kPing };
enum class KeyOrder : uint8_t { kUniform, kZipf, kSequential };
enum class Verify : uint8_t { kFull, kSize, kNone };

struct WorkloadOptions {
  WorkloadKind kind = WorkloadKind::kSet;
  KeyOrder order = KeyOrder::kUniform;
  Verify verify = Verify::kFull;
  uint64_t keys = 1'000'000;
  size_t value_size_bytes = 64;
  int read_percent = 80;  // kMixed: this share are GETs, the rest SETs.
  uint64_t elements_per_key = 100;
  double zipf_theta = 0.99;
  uint64_t seed = 1;
};

enum class Operation : uint8_t { kSet, kGet, kIncr, kHset, kSadd, kPing };

// One request under way: enough to check its reply.
struct Request {
  uint64_t key : 56;
  Operation operation : 8;
};

// A reply of the kinds these workloads can get. `text` points into the receive buffer.
struct Reply {
  char type = 0;          // '+', '-', ':' or '$'.
  bool is_null = false;   // "$-1".
  std::string_view text;  // The line without its type, or the bulk string's bytes.
};

enum class ParseResult { kComplete, kIncomplete, kMalformed };
// Reads one RESP2 reply from [*position, end) and moves *position past it when it is complete.
[[nodiscard]] ParseResult parse_reply(const char** position, const char* end, Reply* reply);

// A miss is a GET that answered null: wrong or not according to what the caller loaded before.
enum class ReplyCheck { kOk, kMiss, kWrong };

// Draws requests, encodes them and judges their replies. Not thread-safe.
class Workload {
 public:
  explicit Workload(const WorkloadOptions& options);

  // From here on next() draws only what belongs to the slots of the node it is asked for. `owners` must
  // outlive this.
  void route_by(const SlotOwners* owners);
  // For a connection to `node` (0 without route_by()). False: in sequential order the node's keys have all
  // been drawn; without route_by() they begin again instead.
  [[nodiscard]] bool next(size_t node, Request* request);
  // No request is larger: what a caller must have free at `out`.
  size_t max_request_bytes() const { return options_.value_size_bytes + 128; }
  // Returns the end of what was written.
  char* encode(const Request& request, char* out) const;
  ReplyCheck check(const Request& request, const Reply& reply) const;

 private:
  uint64_t random();
  uint64_t next_element();
  bool next_element_of(size_t node, uint64_t* element);
  uint64_t next_zipf();
  Operation next_operation();
  char* append_value(uint64_t key, char* out) const;
  std::string_view filler(uint64_t key) const;
  bool value_matches(uint64_t key, std::string_view value) const;

  WorkloadOptions options_;
  std::string bulk_header_;  // "$<value size>\r\n".
  std::string pool_;
  uint64_t random_state_;
  uint64_t next_sequential_ = 0;
  const SlotOwners* owners_ = nullptr;
  std::vector<uint64_t> next_sequential_of_;  // By node.
  double zipf_alpha_ = 0;
  double zipf_zeta_ = 0;
  double zipf_eta_ = 0;
};

}  // namespace starling::bench
