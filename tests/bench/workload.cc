#include "tests/bench/workload.h"

#include <array>
#include <charconv>
#include <cmath>
#include <cstring>

namespace starling::bench {
namespace {

constexpr size_t kPoolBytes = 256 * 1024;
constexpr size_t kKeyBytes = 16;

// The finalizer of SplitMix64: spreads neighbouring numbers over the whole range.
uint64_t mix(uint64_t value) {
  value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9ull;
  value = (value ^ (value >> 27)) * 0x94d049bb133111ebull;
  return value ^ (value >> 31);
}

constexpr std::array<char, 200> kDigitPairs = [] {
  std::array<char, 200> pairs{};
  for (size_t i = 0; i < 100; ++i) {
    pairs[2 * i] = static_cast<char>('0' + i / 10);
    pairs[2 * i + 1] = static_cast<char>('0' + i % 10);
  }
  return pairs;
}();

// Exactly `width` (even) decimal digits.
template <size_t width>
char* append_digits(uint64_t number, char* out) {
  static_assert(width % 2 == 0);
  for (size_t i = width; i != 0; i -= 2, number /= 100)
    std::memcpy(out + i - 2, &kDigitPairs[2 * (number % 100)], 2);
  return out + width;
}

char* append(std::string_view text, char* out) {
  std::memcpy(out, text.data(), text.size());
  return out + text.size();
}

char* append_key(uint64_t key, char* out, std::string_view prefix = "key:") {
  return append_digits<12>(key, append(prefix, out));
}

}  // namespace

ParseResult parse_reply(const char** position, const char* end, Reply* reply) {
  const char* begin = *position;
  if (begin == end) return ParseResult::kIncomplete;
  const auto* line_end = static_cast<const char*>(std::memchr(begin, '\r', static_cast<size_t>(end - begin)));
  if (line_end == nullptr || line_end + 1 >= end) return ParseResult::kIncomplete;
  *reply = Reply{.type = *begin, .text = {begin + 1, line_end}};
  if (*begin == '+' || *begin == '-' || *begin == ':') {
    *position = line_end + 2;
    return ParseResult::kComplete;
  }
  if (*begin != '$') return ParseResult::kMalformed;
  int64_t length = 0;
  const auto [rest, error] = std::from_chars(begin + 1, line_end, length);
  if (error != std::errc() || rest != line_end || length < -1) return ParseResult::kMalformed;
  if (length == -1) {
    reply->is_null = true;
    *position = line_end + 2;
    return ParseResult::kComplete;
  }
  const char* content = line_end + 2;
  if (end - content < length + 2) return ParseResult::kIncomplete;
  reply->text = {content, static_cast<size_t>(length)};
  *position = content + length + 2;
  return ParseResult::kComplete;
}

Workload::Workload(const WorkloadOptions& options)
    : options_(options),
      bulk_header_(std::string("$").append(std::to_string(options.value_size_bytes)).append("\r\n")),
      pool_(kPoolBytes + options.value_size_bytes, '\0'),
      random_state_(mix(options.seed)) {
  uint64_t state = 0x5374726c;  // Not the run's seed: runs must agree on the values.
  for (char& byte : pool_) byte = static_cast<char>(mix(state += 0x9e3779b97f4a7c15ull));
  if (options_.order == KeyOrder::kZipf) {
    // Gray et al., "Quickly generating billion-record synthetic databases": constants once, one pow() a draw.
    const double theta = options_.zipf_theta;
    const auto keys = static_cast<double>(options_.keys);
    for (uint64_t i = 1; i <= options_.keys; ++i) zipf_zeta_ += std::pow(1.0 / static_cast<double>(i), theta);
    zipf_alpha_ = 1.0 / (1.0 - theta);
    zipf_eta_ = (1.0 - std::pow(2.0 / keys, 1.0 - theta)) / (1.0 - (1.0 + std::pow(0.5, theta)) / zipf_zeta_);
  }
}

uint64_t Workload::random() {
  return mix(random_state_ += 0x9e3779b97f4a7c15ull);
}

uint64_t Workload::next_element() {
  switch (options_.order) {
    case KeyOrder::kSequential:
      return next_sequential_++ % options_.keys;
    case KeyOrder::kZipf:
      return next_zipf();
    case KeyOrder::kUniform:
      break;
  }
  return static_cast<uint64_t>((static_cast<unsigned __int128>(random()) * options_.keys) >> 64);
}

uint64_t Workload::next_zipf() {
  const double uniform = static_cast<double>(random() >> 11) * 0x1.0p-53;
  const double scaled = uniform * zipf_zeta_;
  uint64_t rank = 0;
  if (scaled >= 1.0 + std::pow(0.5, options_.zipf_theta)) {
    rank = static_cast<uint64_t>(static_cast<double>(options_.keys) *
                                 std::pow(zipf_eta_ * uniform - zipf_eta_ + 1.0, zipf_alpha_));
  } else if (scaled >= 1.0) {
    rank = 1;
  }
  // Spread over the keyspace, or the popular keys would all be neighbours.
  return mix(rank) % options_.keys;
}

Operation Workload::next_operation() {
  switch (options_.kind) {
    case WorkloadKind::kSet:
      return Operation::kSet;
    case WorkloadKind::kGet:
      return Operation::kGet;
    case WorkloadKind::kIncr:
      return Operation::kIncr;
    case WorkloadKind::kHset:
      return Operation::kHset;
    case WorkloadKind::kSadd:
      return Operation::kSadd;
    case WorkloadKind::kPing:
      return Operation::kPing;
    case WorkloadKind::kMixed:
      break;
  }
  const bool is_read = random() % 100 < static_cast<uint64_t>(options_.read_percent);
  return is_read ? Operation::kGet : Operation::kSet;
}

void Workload::route_by(const SlotOwners* owners) {
  owners_ = owners;
  next_sequential_of_.assign(owners->nodes.size(), 0);
}

bool Workload::next_element_of(size_t node, uint64_t* element) {
  char name[kKeyBytes];
  const auto is_of_node = [&](uint64_t candidate) {
    append_key(candidate, name);
    return owners_->owner[slot_of({name, kKeyBytes})] == node;
  };
  if (options_.order != KeyOrder::kSequential) {
    do *element = next_element();
    while (!is_of_node(*element));
    return true;
  }
  uint64_t& next = next_sequential_of_[node];
  while (next < options_.keys && !is_of_node(next)) ++next;
  *element = next;
  return next++ < options_.keys;
}

bool Workload::next(size_t node, Request* request) {
  uint64_t element = 0;
  if (owners_ == nullptr) {
    element = next_element();
  } else if (!next_element_of(node, &element)) {
    return false;
  }
  *request = {.key = element & ((uint64_t{1} << 56) - 1), .operation = next_operation()};
  return true;
}

char* Workload::encode(const Request& request, char* out) const {
  const uint64_t owner = request.key / options_.elements_per_key;
  const uint64_t element = request.key % options_.elements_per_key;
  switch (request.operation) {
    case Operation::kGet:
      return append("\r\n", append_key(request.key, append("*2\r\n$3\r\nGET\r\n$16\r\n", out)));
    case Operation::kSet:
      out = append("\r\n", append_key(request.key, append("*3\r\n$3\r\nSET\r\n$16\r\n", out)));
      return append("\r\n", append_value(request.key, out));
    case Operation::kIncr:
      return append("\r\n", append_key(request.key, append("*2\r\n$4\r\nINCR\r\n$16\r\n", out), "ctr:"));
    case Operation::kHset:
      out = append_key(owner, append("*4\r\n$4\r\nHSET\r\n$16\r\n", out), "hsh:");
      out = append("\r\n", append_digits<4>(element, append("\r\n$10\r\nfield:", out)));
      return append("\r\n", append_value(request.key, out));
    case Operation::kSadd:
      out = append_key(owner, append("*3\r\n$4\r\nSADD\r\n$16\r\n", out), "set:");
      return append("\r\n", append_digits<10>(element, append("\r\n$16\r\nmembr:", out)));
    case Operation::kPing:
      break;
  }
  return append("*1\r\n$4\r\nPING\r\n", out);
}

char* Workload::append_value(uint64_t key, char* out) const {
  out = append(bulk_header_, out);
  char* end = append(filler(key), out);
  char name[kKeyBytes];
  append_key(key, name);
  std::memcpy(out, name, std::min(kKeyBytes, options_.value_size_bytes));
  return end;
}

std::string_view Workload::filler(uint64_t key) const {
  return {pool_.data() + mix(key) % kPoolBytes, options_.value_size_bytes};
}

bool Workload::value_matches(uint64_t key, std::string_view value) const {
  if (value.size() != options_.value_size_bytes) return false;
  if (options_.verify == Verify::kSize) return true;
  char name[kKeyBytes];
  append_key(key, name);
  const size_t head = std::min(kKeyBytes, value.size());
  return std::memcmp(value.data(), name, head) == 0 && value.substr(head) == filler(key).substr(head);
}

ReplyCheck Workload::check(const Request& request, const Reply& reply) const {
  if (reply.type == '-') return ReplyCheck::kWrong;
  if (options_.verify == Verify::kNone) return ReplyCheck::kOk;
  bool correct = false;
  switch (request.operation) {
    case Operation::kGet:
      if (reply.type == '$' && reply.is_null) return ReplyCheck::kMiss;
      correct = reply.type == '$' && value_matches(request.key, reply.text);
      break;
    case Operation::kSet:
      correct = reply.type == '+' && reply.text == "OK";
      break;
    case Operation::kIncr:
      correct = reply.type == ':' && !reply.text.empty() && reply.text[0] >= '1' && reply.text[0] <= '9';
      break;
    case Operation::kHset:
    case Operation::kSadd:
      correct = reply.type == ':' && (reply.text == "0" || reply.text == "1");
      break;
    case Operation::kPing:
      correct = reply.type == '+' && reply.text == "PONG";
      break;
  }
  return correct ? ReplyCheck::kOk : ReplyCheck::kWrong;
}

}  // namespace starling::bench
