#include "server/cluster/context_token.h"

#include <absl/strings/escaping.h>
#include <xxhash.h>

#include "cluster/wire/secret_proof.h"
#include "engine/base/byte_codec.h"
#include "engine/record/record_codec.h"

namespace starling::server {
namespace {

constexpr char kVersion = 1;
constexpr size_t kHeadBytes = 1 + 8;
constexpr size_t kMacBytes = sizeof(cluster::TokenMac);
// Debian's Abseil has a string_view of its own.
absl::string_view view(std::string_view text) {
  return {text.data(), text.size()};
}

// Far above what kMaxTokenActors need: nothing longer is decoded.
constexpr size_t kMaxTextBytes = 64 << 10;

}  // namespace

uint64_t token_scope(int database, std::string_view key) {
  const uint64_t scope = XXH3_64bits_withSeed(key.data(), key.size(), static_cast<uint64_t>(database));
  return scope == 0 ? 1 : scope;
}

std::string make_token(std::string_view secret, uint64_t scope, const engine::VersionVector& context) {
  std::string bytes(1, kVersion);
  engine::append_u64(scope, &bytes);
  engine::encode_context(context, &bytes);
  const cluster::TokenMac mac = cluster::token_mac(secret, bytes);
  bytes.append(mac.begin(), mac.end());
  return absl::WebSafeBase64Escape(view(bytes));
}

std::optional<Token> read_token(std::string_view secret, std::string_view text) {
  Token token;
  if (text.empty()) return token;
  std::string bytes;
  if (text.size() > kMaxTextBytes || !absl::WebSafeBase64Unescape(view(text), &bytes)) return std::nullopt;
  // Only the one spelling that make_token() uses.
  if (absl::WebSafeBase64Escape(view(bytes)) != text) return std::nullopt;
  if (bytes.size() <= kHeadBytes + kMacBytes || bytes[0] != kVersion) return std::nullopt;
  const std::string_view signed_bytes = std::string_view(bytes).substr(0, bytes.size() - kMacBytes);
  if (!cluster::check_token_mac(secret, signed_bytes, std::string_view(bytes).substr(signed_bytes.size()))) {
    return std::nullopt;
  }
  token.scope = engine::load_u64(bytes.data() + 1);
  if (!engine::decode_context(signed_bytes.substr(kHeadBytes), kMaxTokenActors, &token.context).ok()) {
    return std::nullopt;
  }
  return token;
}

std::string actor_name(engine::ActorId actor) {
  std::string text(16, '0');
  for (size_t i = 0; i < 16; ++i) text[15 - i] = "0123456789abcdef"[actor >> (4 * i) & 15];
  return text;
}

}  // namespace starling::server
