#include "cluster/wire/node_id.h"

#include <doctest/doctest.h>

namespace starling::cluster {

TEST_CASE("node ids read back as they are shown") {
  NodeId id;
  for (size_t i = 0; i < NodeId::kBytes; ++i) id.bytes[i] = static_cast<uint8_t>(i * 13);
  const std::string text = id.to_string();
  CHECK(text.size() == 40);
  CHECK(text.substr(0, 6) == "000d1a");
  CHECK(NodeId::parse(text) == id);
  CHECK(NodeId::parse("000D1A" + text.substr(6)) == id);
  CHECK(id.valid());
  CHECK_FALSE(NodeId().valid());
}

TEST_CASE("what is no node id is refused") {
  CHECK_FALSE(NodeId::parse(""));
  CHECK_FALSE(NodeId::parse(std::string(39, '0')));
  CHECK_FALSE(NodeId::parse(std::string(41, '0')));
  CHECK_FALSE(NodeId::parse(std::string(39, '0') + "g"));
  CHECK_FALSE(NodeId::parse(std::string(39, '0') + " "));
}

}  // namespace starling::cluster
