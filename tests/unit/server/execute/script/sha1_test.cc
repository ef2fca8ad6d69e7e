#include "server/execute/script/sha1.h"

#include <doctest/doctest.h>

namespace starling::server {

TEST_CASE("sha1: the vectors of RFC 3174") {
  CHECK(to_hex(sha1_of("abc")) == "a9993e364706816aba3e25717850c26c9cd0d89d");
  CHECK(to_hex(sha1_of("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq")) ==
        "84983e441c3bd26ebaae4aa1f95129e5e54670f1");
  CHECK(to_hex(sha1_of(std::string(1'000'000, 'a'))) == "34aa973cd4c4daa4f61eeb2bdbad27316534016f");
  std::string eights;
  for (int i = 0; i < 10; ++i) eights += "0123456701234567012345670123456701234567012345670123456701234567";
  CHECK(to_hex(sha1_of(eights)) == "dea356a2cddd90c7a7ecedc5ebb563934f460452");
  CHECK(to_hex(sha1_of("")) == "da39a3ee5e6b4b0d3255bfef95601890afd80709");
}

TEST_CASE("sha1: texts around the length of a block differ") {
  // The length takes 8 bytes of the last block, and the end mark one.
  CHECK(to_hex(sha1_of(std::string(55, 'a'))) == "c1c8bbdc22796e28c0e15163d20899b65621d65a");
  CHECK(to_hex(sha1_of(std::string(56, 'a'))) == "c2db330f6083854c99d4b5bfb6e8f29f201be699");
  CHECK(to_hex(sha1_of(std::string(64, 'a'))) == "0098ba824b5c16427bd7a1122a5a442a25ec644d");
}

TEST_CASE("sha1: digits of either case are read, others are not") {
  const Sha1 sha = sha1_of("abc");
  CHECK(sha1_from_hex("A9993E364706816ABA3E25717850C26C9CD0D89D") == sha);
  CHECK(sha1_from_hex(to_hex(sha)) == sha);
  CHECK(!sha1_from_hex("a9993e"));
  CHECK(!sha1_from_hex("g9993e364706816aba3e25717850c26c9cd0d89d"));
}

}  // namespace starling::server
