#include "server/tracking/client_tracking.h"

#include <doctest/doctest.h>

#include "server/commands/connection/tracking_options.h"

namespace starling::server {
namespace {

using Names = std::vector<std::string>;

TrackingOptions parsed(const std::vector<std::string_view>& words) {
  TrackingOptions options;
  CHECK(parse_tracking_options(words, 0, &options).empty());
  return options;
}

std::string parse_error(const std::vector<std::string_view>& words) {
  TrackingOptions options;
  return parse_tracking_options(words, 0, &options);
}

ClientTracking on(const std::vector<std::string_view>& words) {
  ClientTracking tracking;
  CHECK(tracking_refusal(nullptr, parsed(words)).empty());
  apply_tracking(parsed(words), &tracking);
  return tracking;
}

bool refused(const ClientTracking* now, const std::vector<std::string_view>& words) {
  return !tracking_refusal(now, parsed(words)).empty();
}

TEST_CASE("options in any order and case") {
  const TrackingOptions options =
      parsed({"noLoop", "PREFIX", "a", "bcast", "redirect", "7", "prefix", "BCAST"});
  CHECK(options.no_loop);
  CHECK(options.broadcast);
  CHECK(!options.opt_in);
  CHECK(!options.opt_out);
  CHECK(options.redirect == 7);
  CHECK(options.prefixes == Names{"a", "BCAST"});
}

TEST_CASE("options that make no sense") {
  CHECK(parse_error({"nonsense"}) == "ERR syntax error");
  CHECK(parse_error({"prefix"}) == "ERR syntax error");
  CHECK(parse_error({"redirect"}) == "ERR syntax error");
  CHECK(parse_error({"redirect", "x"}) == "ERR value is not an integer or out of range");
  CHECK(parse_error({"redirect", "0"}) == "ERR The client ID you want redirect to does not exist");
  CHECK(parse_error({"redirect", "-5"}) == "ERR The client ID you want redirect to does not exist");
  CHECK(parse_error({"redirect", "5", "redirect", "6"}) ==
        "ERR A client can only redirect to a single other client");
}

TEST_CASE("what cannot be wanted together") {
  CHECK(refused(nullptr, {"prefix", "a"}));
  CHECK(refused(nullptr, {"bcast", "optin"}));
  CHECK(refused(nullptr, {"bcast", "optout"}));
  CHECK(refused(nullptr, {"optin", "optout"}));
  CHECK(!refused(nullptr, {"bcast", "prefix", "a", "noloop"}));
  CHECK(!refused(nullptr, {"optin", "noloop"}));
}

TEST_CASE("what cannot be changed without switching off") {
  const ClientTracking broadcast = on({"bcast"}), plain = on({}), in = on({"optin"}), out = on({"optout"});
  CHECK(refused(&broadcast, {}));
  CHECK(refused(&plain, {"bcast"}));
  CHECK(refused(&in, {"optout"}));
  CHECK(refused(&out, {"optin"}));
  CHECK(!refused(&in, {}));
  CHECK(!refused(&plain, {"optout"}));
}

TEST_CASE("prefixes of one client do not overlap, with those of before either") {
  CHECK(refused(nullptr, {"bcast", "prefix", "foo", "prefix", "foobar"}));
  CHECK(refused(nullptr, {"bcast", "prefix", "x", "prefix", "foobar", "prefix", "foo"}));
  CHECK(refused(nullptr, {"bcast", "prefix", "", "prefix", "foo"}));
  ClientTracking tracking = on({"bcast", "prefix", "foo", "prefix", "bar"});
  CHECK(tracking.options.prefixes == Names{"bar", "foo"});
  CHECK(refused(&tracking, {"bcast", "prefix", "fo"}));
  CHECK(refused(&tracking, {"bcast", "prefix", "barbar"}));
  CHECK(!refused(&tracking, {"bcast", "prefix", "baz"}));
  apply_tracking(parsed({"bcast", "prefix", "baz"}), &tracking);
  CHECK(tracking.options.prefixes == Names{"bar", "baz", "foo"});
}

TEST_CASE("all keys, when no prefix is given") {
  CHECK(on({"bcast"}).options.prefixes == Names{""});
  CHECK(on({}).options.prefixes.empty());
}

TEST_CASE("what is remembered of a command") {
  ClientTracking plain = on({}), in = on({"optin"}), out = on({"optout"}), broadcast = on({"bcast"});
  CHECK(plain.remembers());
  CHECK(!in.remembers());
  CHECK(out.remembers());
  CHECK(!broadcast.remembers());
  in.caching = out.caching = true;
  CHECK(in.remembers());
  CHECK(!out.remembers());
}

}  // namespace
}  // namespace starling::server
