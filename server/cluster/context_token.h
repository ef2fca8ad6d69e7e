// Causal contexts as clients carry them: text, opaque to them, with a proof that a node of this cluster made
// it.
//
//   token   := base64url(version:u8 scope:u64 context mac:16 bytes)       without padding
//   version := 1
//   scope   := which key of which database: contexts of one key say nothing of another's
//   context := as in engine/record/record_codec.h, `context token`
//   mac     := of all before it, by the cluster's secret
//
// A context claims events; one that never happened, or happened to another key, would make the store drop
// values that nobody has seen.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "engine/record/version_vector.h"

namespace starling::server {

// Actors in a context that a client may bring back.
inline constexpr size_t kMaxTokenActors = 1024;

uint64_t token_scope(int database, std::string_view key);

struct Token {
  uint64_t scope = 0;  // 0: of the empty text, which fits every key.
  engine::VersionVector context;
};

std::string make_token(std::string_view secret, uint64_t scope, const engine::VersionVector& context);
// An empty text is the empty context. Nothing for what is malformed, damaged or forged.
std::optional<Token> read_token(std::string_view secret, std::string_view text);

// An actor as VCLOCK INSPECT and QUORUM EXPLAIN show it.
std::string actor_name(engine::ActorId actor);

}  // namespace starling::server
