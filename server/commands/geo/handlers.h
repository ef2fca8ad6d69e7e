// The handlers of the commands on places, and what else their declarations refer to.
#pragma once

#include <vector>

#include "server/execute/command.h"

namespace starling::server::geo {

// places.cc
void geoadd(CommandContext& context);
void geodist(CommandContext& context);
void geohash(CommandContext& context);
void geopos(CommandContext& context);

// search.cc
void georadius(CommandContext& context);
void georadius_ro(CommandContext& context);
void georadiusbymember(CommandContext& context);
void georadiusbymember_ro(CommandContext& context);
void geosearch(CommandContext& context);
void geosearchstore(CommandContext& context);

// Of GEORADIUS and GEORADIUSBYMEMBER: the one searched, and the one that STORE or STOREDIST names last.
bool find_radius_keys(Arguments arguments, std::vector<int>* positions);

}  // namespace starling::server::geo
