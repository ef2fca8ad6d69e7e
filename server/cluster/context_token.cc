#include "server/cluster/context_token.h"

#include <absl/strings/escaping.h>

#include "cluster/secret_proof.h"
#include "engine/record_codec.h"

namespace starling::server {
namespace {

constexpr char kVersion = 1;
constexpr size_t kMacBytes = sizeof(cluster::TokenMac);
// Debian's Abseil has a string_view of its own.
absl::string_view view(std::string_view text) {
  return {text.data(), text.size()};
}

// Far above what kMaxTokenActors need: nothing longer is decoded.
constexpr size_t kMaxTextBytes = 64 << 10;

}  // namespace

std::string make_token(std::string_view secret, const engine::VersionVector& context) {
  std::string bytes(1, kVersion);
  engine::encode_context(context, &bytes);
  const cluster::TokenMac mac = cluster::token_mac(secret, bytes);
  bytes.append(mac.begin(), mac.end());
  return absl::WebSafeBase64Escape(view(bytes));
}

std::optional<engine::VersionVector> read_token(std::string_view secret, std::string_view text) {
  engine::VersionVector context;
  if (text.empty()) return context;
  std::string bytes;
  if (text.size() > kMaxTextBytes || !absl::WebSafeBase64Unescape(view(text), &bytes)) return std::nullopt;
  // Only the one spelling that make_token() uses.
  if (absl::WebSafeBase64Escape(view(bytes)) != text) return std::nullopt;
  if (bytes.size() <= 1 + kMacBytes || bytes[0] != kVersion) return std::nullopt;
  const std::string_view signed_bytes = std::string_view(bytes).substr(0, bytes.size() - kMacBytes);
  if (!cluster::check_token_mac(secret, signed_bytes, std::string_view(bytes).substr(signed_bytes.size()))) {
    return std::nullopt;
  }
  if (!engine::decode_context(signed_bytes.substr(1), kMaxTokenActors, &context).ok()) return std::nullopt;
  return context;
}

}  // namespace starling::server
