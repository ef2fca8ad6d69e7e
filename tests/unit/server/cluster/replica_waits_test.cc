#include "server/cluster/replica_waits.h"

#include <doctest/doctest.h>

#include <initializer_list>
#include <string>

#include "engine/memory/settled.h"
#include "engine/record/record_codec.h"

namespace starling::server {
namespace {

std::string seen(std::initializer_list<engine::Dot> dots, engine::Stamp settled = 0) {
  engine::VersionVector context;
  for (const engine::Dot& dot : dots) context.add(dot);
  std::string bytes;
  engine::append_settled(settled, &bytes);
  std::string encoded;
  engine::encode_context(context, &encoded);
  return bytes + encoded;
}

int64_t holders(std::initializer_list<std::string> contexts) {
  std::vector<cluster::PeerVersion> versions;
  cluster::NodeIndex node = 0;
  for (const std::string& context : contexts) versions.push_back({node++, context});
  return other_holders(versions);
}

}  // namespace

TEST_CASE("WAIT counts who has the newest version, beside the one whose it is") {
  CHECK(holders({}) == 0);
  CHECK(holders({seen({{10, 1}})}) == 0);
  CHECK(holders({seen({{10, 1}}), seen({{10, 1}}), seen({{10, 1}})}) == 2);
  CHECK(holders({seen({{10, 1}}), seen({{9, 1}}), seen({{10, 1}})}) == 1);
  CHECK(holders({seen({{10, 1}}), "", "damaged"}) == 0);
}

TEST_CASE("WAIT counts nobody who lacks one of two concurrent versions") {
  CHECK(holders({seen({{10, 1}}), seen({{11, 2}})}) == 0);
  CHECK(holders({seen({{10, 1}, {11, 2}}), seen({{11, 2}})}) == 0);
  CHECK(holders({seen({{10, 1}, {11, 2}}), seen({{10, 1}, {11, 2}}), seen({{11, 2}})}) == 1);
}

TEST_CASE("WAIT: what is settled everybody has, whatever its context says") {
  CHECK(holders({seen({{10, 1}, {20, 2}}), seen({{20, 2}}, 15)}) == 1);
  CHECK(holders({seen({{10, 1}, {20, 2}}), seen({{20, 2}}, 5)}) == 0);
}

}  // namespace starling::server
