#include "server/metrics/disk_usage.h"

#include <doctest/doctest.h>

#include <filesystem>
#include <string>

#include "tests/unit/server/temporary_directory.h"

namespace starling::server {

TEST_CASE("what files take is what they were found to take at the last look") {
  TemporaryDirectory directory;
  DiskUsage usage;
  usage.look(directory.path());
  CHECK(usage.log_bytes() == 0);
  CHECK(usage.ballast_bytes() == 0);
  std::filesystem::create_directory(directory.path() + "/log");
  directory.write("log/1", std::string(100'000, 'x'));
  directory.write("log/2", std::string(100'000, 'x'));
  directory.write("ballast", std::string(5000, 'x'));
  CHECK(usage.log_bytes() == 0);
  usage.look(directory.path());
  CHECK(usage.log_bytes() >= 200'000);
  CHECK(usage.ballast_bytes() == 5000);
  std::filesystem::remove(directory.path() + "/ballast");
  usage.look(directory.path());
  CHECK(usage.ballast_bytes() == 0);
}

}  // namespace starling::server
