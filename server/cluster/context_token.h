// Causal contexts as clients carry them: text, opaque to them, with a proof that a node of this cluster made
// it.
//
//   token   := base64url(version:u8 context mac:16 bytes)       without padding
//   version := 1
//   context := as in engine/record_codec.h, `context token`
//   mac     := of version and context, by the cluster's secret
//
// A context claims events; one that never happened would make the store drop values that nobody has seen.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "engine/version_vector.h"

namespace starling::server {

// Actors in a context that a client may bring back.
inline constexpr size_t kMaxTokenActors = 1024;

std::string make_token(std::string_view secret, const engine::VersionVector& context);
// An empty text is the empty context. Nothing for what is malformed, damaged or forged.
std::optional<engine::VersionVector> read_token(std::string_view secret, std::string_view text);

}  // namespace starling::server
