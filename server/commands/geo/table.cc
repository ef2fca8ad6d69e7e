// What the commands on places are.
#include <array>

#include "server/commands/families.h"
#include "server/commands/geo/handlers.h"

namespace starling::server {
namespace {

constexpr uint32_t kReads = kCatRead | kCatGeo | kCatSlow;
constexpr uint32_t kWrites = kCatWrite | kCatGeo | kCatSlow;

constexpr CommandChange kUpperCase = {"7.0.0", "Units in upper case."};
constexpr CommandChange kAny = {"6.2.0", "ANY."};
constexpr CommandChange kGeoaddHistory[] = {{"6.2.0", "CH, NX and XX."}};
constexpr CommandChange kGeoradiusHistory[] = {kAny, kUpperCase};
constexpr CommandChange kGeoradiusRoHistory[] = {kAny};
constexpr CommandChange kUpperCaseHistory[] = {kUpperCase};

constexpr CommandSpec reader(std::string_view usage, int arity, Handler handler, std::string_view since,
                             std::string_view summary, const Documentation& docs) {
  return {.name = name_in(usage),
          .syntax = syntax_in(usage),
          .arity = arity,
          .flags = kReadOnly,
          .categories = kReads,
          .keys = key_at(1, kKeyRO | kKeyAccess),
          .handler = handler,
          .group = "geo",
          .since = since,
          .summary = summary,
          .docs = docs};
}

constexpr Documentation searching(std::span<const CommandChange> history, std::string_view replaced_by = {}) {
  Documentation docs{.complexity = "O(N+log(M))", .work = Work::kHoldsLoop, .history = history};
  if (!replaced_by.empty()) docs.deprecated = {.since = "6.2.0", .replaced_by = replaced_by};
  return docs;
}

// Of one that may store what it finds, whose options begin at argument `options_at`.
constexpr CommandSpec storing(CommandSpec spec, int options_at) {
  spec.flags = kWrite | kDenyOom | kMovableKeys;
  spec.categories = kWrites;
  spec.keys = {key_at(1, kKeyRO | kKeyAccess), key_behind("STORE", options_at, kKeyOW | kKeyUpdate),
               key_behind("STOREDIST", options_at, kKeyOW | kKeyUpdate)};
  spec.find_keys = geo::find_radius_keys;
  return spec;
}

}  // namespace

std::span<const CommandSpec> geo_commands() {
  static const std::array commands = {
      CommandSpec{.name = "geoadd",
                  .syntax = "key [condition= NX | XX]@6.2.0 [change= CH]@6.2.0 "
                            "{longitude:double latitude:double member} ...",
                  .arity = -5,
                  .flags = kWrite | kDenyOom,
                  .categories = kWrites,
                  .keys = key_at(1, kKeyRW | kKeyUpdate),
                  .handler = geo::geoadd,
                  .group = "geo",
                  .since = "3.2.0",
                  .summary = "Gives members of a sorted set their places, adding those that are new.",
                  .docs = {.complexity = "O(log(N))", .work = Work::kHoldsLoop, .history = kGeoaddHistory}},
      reader("geodist key member1 member2 [unit= M | KM | FT | MI]", -4, geo::geodist, "3.2.0",
             "How far two members are from each other.", {.complexity = "O(log(N))"}),
      reader("geohash key member ...", -2, geo::geohash, "3.2.0", "The places of members as geohashes.",
             {.complexity = "O(log(N))", .work = Work::kHoldsLoop}),
      reader("geopos key member ...", -2, geo::geopos, "3.2.0", "The places of members.",
             {.complexity = "O(N)", .work = Work::kHoldsLoop}),
      storing(reader("georadius key longitude:double latitude:double radius:double (unit= M | KM | FT | MI) "
                     "[WITHCOORD] [WITHDIST] [WITHHASH] [{count= COUNT count:integer [ANY]@6.2.0}] "
                     "[order= ASC | DESC] [STORE key] [STOREDIST key]",
                     -6, geo::georadius, "3.2.0", "The members within a distance of a place.",
                     searching(kGeoradiusHistory, "GEOSEARCH and GEOSEARCHSTORE with BYRADIUS")),
              6),
      reader(
          "georadius_ro key longitude:double latitude:double radius:double (unit= M | KM | FT | MI) "
          "[WITHCOORD] [WITHDIST] [WITHHASH] [{count= COUNT count:integer [ANY]@6.2.0}] [order= ASC | DESC]",
          -6, geo::georadius_ro, "3.2.10", "GEORADIUS that stores nothing.",
          searching(kGeoradiusRoHistory, "GEOSEARCH with BYRADIUS")),
      storing(
          reader("georadiusbymember key member radius:double (unit= M | KM | FT | MI) "
                 "[WITHCOORD] [WITHDIST] [WITHHASH] [{count= COUNT count:integer [ANY]}] "
                 "[order= ASC | DESC] [STORE key] [STOREDIST key]",
                 -5, geo::georadiusbymember, "3.2.0", "The members within a distance of a member.",
                 searching(kUpperCaseHistory, "GEOSEARCH and GEOSEARCHSTORE with BYRADIUS and FROMMEMBER")),
          5),
      reader("georadiusbymember_ro key member radius:double (unit= M | KM | FT | MI) "
             "[WITHCOORD] [WITHDIST] [WITHHASH] [{count= COUNT count:integer [ANY]}] [order= ASC | DESC]",
             -5, geo::georadiusbymember_ro, "3.2.10", "GEORADIUSBYMEMBER that stores nothing.",
             searching({}, "GEOSEARCH with BYRADIUS and FROMMEMBER")),
      reader("geosearch key (from= FROMMEMBER member | FROMLONLAT {longitude:double latitude:double}) "
             "(by= {circle= BYRADIUS radius:double (unit= M | KM | FT | MI)} | "
             "{box= BYBOX width:double height:double (unit= M | KM | FT | MI)}) "
             "[order= ASC | DESC] [{count= COUNT count:integer [ANY]}] [WITHCOORD] [WITHDIST] [WITHHASH]",
             -7, geo::geosearch, "6.2.0", "The members within a circle or a box.",
             searching(kUpperCaseHistory)),
      [] {
        CommandSpec spec = reader(
            "geosearchstore destination:key source:key "
            "(from= FROMMEMBER member | FROMLONLAT {longitude:double latitude:double}) "
            "(by= {circle= BYRADIUS radius:double (unit= M | KM | FT | MI)} | "
            "{box= BYBOX width:double height:double (unit= M | KM | FT | MI)}) "
            "[order= ASC | DESC] [{count= COUNT count:integer [ANY]}] [STOREDIST]",
            -8, geo::geosearchstore, "6.2.0", "Makes a sorted set of what GEOSEARCH finds.",
            searching(kUpperCaseHistory));
        spec.flags = kWrite | kDenyOom;
        spec.categories = kWrites;
        spec.keys = {key_at(1, kKeyOW | kKeyUpdate), key_at(2, kKeyRO | kKeyAccess)};
        return spec;
      }(),
  };
  return commands;
}

}  // namespace starling::server
