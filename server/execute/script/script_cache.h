// The scripts that this process knows, by the SHA-1 of their text. Any thread.
//
// What SCRIPT LOAD brought stays until SCRIPT FLUSH. Of what only EVAL brought the last kEvalScripts stay, by when they
// were used (as in Redis from 7.4 on): programs that put values into the texts of their scripts would fill the memory.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "server/execute/script/sha1.h"

namespace starling::server {

struct Script {
  Sha1 sha;
  std::string hex;  // The same in 40 digits.
  std::string text;
  size_t lua_from;  // Behind the shebang.
  uint32_t flags;   // ScriptFlag bits.
};

class ScriptCache {
 public:
  static constexpr size_t kEvalScripts = 500;

  enum class From { kEval, kLoad };

  // Null: it is not known.
  std::shared_ptr<const Script> find(const Sha1& sha);
  // Returns the one that is known from now on, which may be an earlier one.
  std::shared_ptr<const Script> add(std::shared_ptr<const Script> script, From from);
  // It was used. Of those that stay it makes no difference.
  void touch(const Sha1& sha);
  void flush();

  // Changes whenever a script goes: what was compiled of it may be given up.
  uint64_t generation() const { return generation_.load(std::memory_order_acquire); }
  size_t count() const;
  // That texts take, and their places here.
  size_t bytes() const;

 private:
  struct Known {
    std::shared_ptr<const Script> script;
    bool stays;
    std::list<Sha1>::iterator used;  // In used_, unless it stays.
  };
  static size_t bytes_of(const Script& script);

  mutable std::mutex mutex_;
  absl::flat_hash_map<Sha1, Known, Sha1Hash> known_;
  std::list<Sha1> used_;  // The oldest first.
  size_t bytes_ = 0;
  std::atomic<uint64_t> generation_{0};
};

}  // namespace starling::server
