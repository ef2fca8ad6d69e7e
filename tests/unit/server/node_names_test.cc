#include "server/process/node_names.h"

#include <doctest/doctest.h>

namespace starling::server {
namespace {

cluster::NodeId some_id() {
  return cluster::NodeId::parse("d300f009d300f009d300f009d300f009d300f009").value();
}

TEST_CASE("node names: by the digits alone until the address is known, and again once it is forgotten") {
  NodeNames names;
  CHECK(names.name(some_id()) == "d300f009");
  names.learn(some_id(), "127.0.0.1:7002", "");
  CHECK(names.name(some_id()) == "127.0.0.1:7002 (d300f009)");
  names.learn(some_id(), "127.0.0.2:7002", "left");
  CHECK(names.name(some_id()) == "127.0.0.2:7002 (d300f009, left)");
  names.forget(some_id());
  CHECK(names.name(some_id()) == "d300f009");
}

}  // namespace
}  // namespace starling::server
