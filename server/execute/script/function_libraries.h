// The libraries of functions that this process knows, on all of its loops, in its file and towards other nodes.
//
// A library has a version; of two of one name the later one counts, and of equal versions the one with the greater
// code. What is deleted leaves an entry without code. So whoever has seen the same libraries, in whatever order, has
// the same ones, and nodes that differ need only give each other what they have (merge()).
//
//   state    := count varint, that many libraries by ascending name
//   library  := name string  version u64  code string  functions varint, that many functions
//   function := name string  flags varint  described u8  [description string]
//
// Any thread.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "server/execute/script/library_function.h"

namespace starling::server {

struct FunctionLibrary {
  std::string name;
  uint64_t version = 0;
  std::string code;  // The whole text. Empty: it was deleted.
  std::vector<LibraryFunction> functions;

  bool deleted() const { return code.empty(); }
  bool operator==(const FunctionLibrary&) const = default;
};

class FunctionLibraries {
 public:
  using Library = std::shared_ptr<const FunctionLibrary>;
  enum class Existing { kRefused, kReplaced, kFlushed };

  // There is one for a process, as there is one server: its loops, and what talks to other nodes, use it.
  static FunctionLibraries& of_process();

  // Those that are there, by name.
  std::vector<Library> all() const;
  bool has(std::string_view library) const;
  // The one whose function it is, in whatever case it is written; null: nobody's.
  Library of_function(std::string_view function) const;
  size_t function_count() const;
  // Changes with every library that comes or goes.
  uint64_t generation() const { return generation_.load(std::memory_order_acquire); }

  // The libraries come, with versions of now; kFlushed: all others go. Returns the error; empty: done. With an error
  // nothing is changed.
  [[nodiscard]] std::string add(std::vector<FunctionLibrary> libraries, Existing existing, int64_t now_ms);
  // False: it is not there.
  [[nodiscard]] bool remove(std::string_view library, int64_t now_ms);
  void flush(int64_t now_ms);

  // --- All that is known, deleted ones included.
  // Nothing was ever there.
  bool blank() const;
  std::string state() const;
  // Equal for equal states.
  uint64_t digest() const;
  // What it has that is later. False: it is no state, and nothing changed.
  [[nodiscard]] bool merge(std::string_view state);

 private:
  using Entries = std::map<std::string, Library, std::less<>>;

  std::string conflict(std::span<const FunctionLibrary> libraries, Existing existing) const;
  void put(FunctionLibrary library);
  uint64_t next_version(int64_t now_ms) const;
  void changed();
  void drop_oldest_deleted();

  mutable std::mutex mutex_;
  Entries entries_;
  std::map<std::string, Library, std::less<>> functions_;  // By name in lower case.
  std::string state_{'\0'};
  uint64_t digest_ = 0;
  std::atomic<uint64_t> generation_{0};
};

// Of two that come together: the error for which they cannot; empty: they can.
std::string conflict_between(const FunctionLibrary& first, const FunctionLibrary& second);

// False: it is no state. What it says of the libraries' texts need not be true.
[[nodiscard]] bool decode_libraries(std::string_view state, std::vector<FunctionLibrary>* libraries);
// Precondition: by ascending name.
std::string encode_libraries(std::span<const std::shared_ptr<const FunctionLibrary>> libraries);

}  // namespace starling::server
