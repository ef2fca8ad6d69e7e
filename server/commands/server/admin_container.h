// Declarations that the containers of administrative commands share: CONFIG, LATENCY, SLOWLOG, SNAPSHOT.
#pragma once

#include "server/execute/command.h"

namespace starling::server {

constexpr CommandSpec admin_subcommand(std::string_view usage, int arity, uint32_t flags, Handler handler,
                                       std::string_view since, std::string_view summary,
                                       const Documentation& docs = {}) {
  return {.name = name_in(usage),
          .syntax = syntax_in(usage),
          .arity = arity,
          .flags = kAdmin | flags,
          .categories = kCatAdmin | kCatSlow | kCatDangerous,
          .handler = handler,
          .group = "server",
          .since = since,
          .summary = summary,
          .scope = Scope::kNode,
          .docs = docs};
}

constexpr CommandSpec help_subcommand(Handler handler, std::string_view since) {
  return {.name = "help",
          .arity = 2,
          .flags = kLoading | kStale,
          .categories = kCatSlow,
          .handler = handler,
          .group = "server",
          .since = since,
          .summary = "Explains the subcommands.",
          .scope = Scope::kNode};
}

}  // namespace starling::server
