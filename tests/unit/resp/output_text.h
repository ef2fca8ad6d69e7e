// What an OutputBuffer would send.
#pragma once

#include <string>
#include <vector>

#include "resp/output_buffer.h"

namespace starling::resp {

inline std::string text_of(const OutputBuffer& output) {
  std::vector<struct iovec> vectors(1024 * 1024 / sizeof(struct iovec));
  std::string result;
  const size_t count = output.gather(vectors.data(), vectors.size());
  for (size_t i = 0; i < count; ++i)
    result.append(static_cast<const char*>(vectors[i].iov_base), vectors[i].iov_len);
  return result;
}

}  // namespace starling::resp
