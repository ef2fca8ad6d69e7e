// The data directory: its lock, its format mark, and the ballast that a full disk needs.
//
//   <dir>/LOCK      flock()ed while a server has the directory open
//   <dir>/FORMAT    "starling-data 3\nhash-seed <16 hex digits>\n": the version of the layout, and what hashes of
//                   names are seeded with (key.h). Layout 1 had no seed, which is seed 0; layout 2 had no lists, no
//                   sorted sets and nothing that joins. Both become 3 when opened, as soon as the disk has room.
//   <dir>/ballast   room to give back when the disk is so full that the store cannot even be opened
//   <dir>/actor     actor_file.h
//   <dir>/log/      commit_log.h
//   <dir>/store/    the store
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "engine/base/status.h"

namespace starling::engine {

// Holds the lock until it is destroyed.
class DirectoryLock {
 public:
  ~DirectoryLock();
  DirectoryLock(const DirectoryLock&) = delete;
  DirectoryLock& operator=(const DirectoryLock&) = delete;

  // Creates the directory when missing (its parent must exist), locks it and checks or writes the format
  // mark. kLocked when another process has it; kNewerFormat; kIoError and kNoSpace with the system's reason.
  // `new_hash_seed`: of a directory that has no mark yet.
  static Status acquire(const std::string& directory, uint64_t new_hash_seed,
                        std::unique_ptr<DirectoryLock>* lock);

  uint64_t hash_seed() const { return hash_seed_; }

 private:
  explicit DirectoryLock(int descriptor) : descriptor_(descriptor) {}
  int descriptor_;
  uint64_t hash_seed_ = 0;
};

// Makes sure that the ballast file is there and full. Failing is no error: it is tried again at the next
// start.
void place_ballast(const std::string& directory);
// Gives the ballast's room back. True when there was some.
bool drop_ballast(const std::string& directory);
Status make_directory(const std::string& path);
// Writes FORMAT, as a whole or not at all.
Status write_format(const std::string& directory, uint64_t hash_seed);

}  // namespace starling::engine
