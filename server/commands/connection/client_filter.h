// Which clients CLIENT KILL and CLIENT LIST speak of.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "server/session/client.h"

namespace starling::server {

// Nothing for an unknown name. Masters and replicas are known, though no client here is one.
struct ClientTypeName {
  bool matches_none = false;
  ClientClass client_class = ClientClass::kNormal;
};
std::optional<ClientTypeName> client_type_by_name(std::string_view name);

// All that is set must match.
struct ClientFilter {
  std::vector<uint64_t> ids;  // Any of them.
  std::optional<std::string> address, local_address, user;
  std::optional<ClientTypeName> type;
  uint64_t except_id = 0;

  bool matches(const Client& client) const;
};

}  // namespace starling::server
