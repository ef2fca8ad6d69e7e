#include "server/bus/twin_table.h"

#include <doctest/doctest.h>

namespace starling::server {
namespace {

TEST_CASE("twins: both addresses are named, one is told to stop, and it is forgotten once it is silent") {
  TwinTable twins;
  const auto node = cluster::NodeId::parse("d300f009d300f009d300f009d300f009d300f009").value();
  CHECK(twins.complaint(node, 0).empty());
  const std::string said = twins.note(node, "10.0.0.1:17002", "10.0.0.9:17002", 5);
  const std::string told = twins.complaint(node, 5 + TwinTable::kForgetMs - 1);
  CHECK(said.size() <= 200);
  for (const std::string& text : {said, told}) {
    CAPTURE(text);
    CHECK(text.find("d300f009") != std::string::npos);
    CHECK(text.find("10.0.0.1:17002") != std::string::npos);
    CHECK(text.find("Stop the one at 10.0.0.9:17002") != std::string::npos);
  }
  CHECK(twins.complaint(node, 5 + TwinTable::kForgetMs).empty());
}

}  // namespace
}  // namespace starling::server
