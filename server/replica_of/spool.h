// Bytes that wait on the disk for their turn: what is put in first comes out first. Its file has no name, so nothing
// of it is left when the process ends, however it does.
//
// One thread, which writes and reads while it waits; what it has written lately the system has in memory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace starling::server {

class Spool {
 public:
  // `directory`: where the file lies.
  explicit Spool(std::string directory) : directory_(std::move(directory)) {}
  ~Spool();
  Spool(const Spool&) = delete;
  Spool& operator=(const Spool&) = delete;

  // Empty: done. Else what failed; the bytes are not in it.
  [[nodiscard]] std::string put(std::string_view bytes);
  // Up to `size` bytes of what is left. On an error *failure says so.
  std::string take(size_t size, std::string* failure);
  uint64_t left() const { return static_cast<uint64_t>(written_ - read_); }
  uint64_t taken() const { return static_cast<uint64_t>(read_); }
  // Forgets everything, and gives the disk back.
  void clear();

 private:
  std::string directory_;
  int fd_ = -1;
  int64_t written_ = 0, read_ = 0;
};

}  // namespace starling::server
