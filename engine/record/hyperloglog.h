// HyperLogLogs: strings in Redis's format, from which the number of different elements that were added is estimated.
// Here are the registers and their bytes; hashes and estimates are the commands' (server/commands/hyperloglog/).
//
//   value    := "HYLL"  encoding u8  0 u24  cache u64 little-endian   the cache's top bit: it is out of date
//   dense    := encoding 0, 16384 registers of 6 bits, low bits first
//   sparse   := encoding 1, runs that make 16384 registers together:
//               00nnnnnn           n + 1 zeros
//               01nnnnnn nnnnnnnn  n + 1 zeros
//               1vvvvvnn           n + 1 times the value v + 1
//
// Any bytes may come from clients (SET): nothing here takes them for well-formed.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace starling::engine {

inline constexpr size_t kRegisterCount = 16384;
inline constexpr size_t kHyperLogLogHeaderBytes = 16;
inline constexpr size_t kDenseBytes = kHyperLogLogHeaderBytes + kRegisterCount * 6 / 8;
// What a sparse one grows to at most.
inline constexpr size_t kSparseBytes = 3000;

using Registers = std::array<uint8_t, kRegisterCount>;

// Has the header of one, and as a dense one the size. Its runs may make no sense.
bool is_hyperloglog(std::string_view value);
// Precondition for all below: is_hyperloglog().
bool is_dense(std::string_view value);

// Raises each register to what it is in the value. False: its runs make no sense; some are raised.
[[nodiscard]] bool raise_all(std::string_view value, Registers* registers);

std::string empty_hyperloglog();

enum class Raise { kNot, kRaised, kDamaged };
// Raises one register, if it is lower, and leaves the cache alone. A sparse value becomes dense when it cannot hold
// that. kDamaged: its runs make no sense, and nothing changed.
Raise raise(size_t index, uint8_t to, std::string* value);
// Of a dense value.
uint8_t dense_register(std::string_view value, size_t index);
void set_dense_register(char* value, size_t index, uint8_t to);
// False: its runs make no sense, and nothing changed.
[[nodiscard]] bool make_dense(std::string* value);

std::optional<uint64_t> cached_count(std::string_view value);
void cache_count(uint64_t count, char* value);
void forget_count(char* value);

// One run of a sparse value: `count` registers.
struct RegisterRun {
  size_t count = 0;
  uint8_t value = 0;
  uint8_t bytes = 0;  // It takes so many.
};
// The run at `at`; nothing at the end, or where the value is cut off.
std::optional<RegisterRun> run_at(std::string_view value, size_t at);

}  // namespace starling::engine
