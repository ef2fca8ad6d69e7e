#include "server/process/pid_file.h"

#include <doctest/doctest.h>
#include <unistd.h>

#include "tests/unit/server/temporary_directory.h"

namespace starling::server {
namespace {

TEST_CASE("the pidfile is there while the server runs") {
  TemporaryDirectory directory;
  std::string path = directory.path() + "/s.pid";
  {
    PidFile file;
    REQUIRE(file.write(path).ok());
    CHECK(directory.read("s.pid") == std::to_string(::getpid()) + "\n");
  }
  CHECK_FALSE(std::filesystem::exists(path));

  PidFile none;
  CHECK(none.write("").ok());
  CHECK(none.write("/nonexistent/s.pid").message() ==
        "/nonexistent/s.pid: cannot write the pidfile: No such file or directory");
}

}  // namespace
}  // namespace starling::server
