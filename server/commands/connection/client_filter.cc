#include "server/commands/connection/client_filter.h"

#include <algorithm>

#include "server/execute/command_table.h"

namespace starling::server {

std::optional<ClientTypeName> client_type_by_name(std::string_view name) {
  if (equals_ignoring_case(name, "normal")) return ClientTypeName{false, ClientClass::kNormal};
  if (equals_ignoring_case(name, "pubsub")) return ClientTypeName{false, ClientClass::kPubSub};
  for (const std::string_view absent : {"master", "replica", "slave"}) {
    if (equals_ignoring_case(name, absent)) return ClientTypeName{true, ClientClass::kNormal};
  }
  return std::nullopt;
}

bool ClientFilter::matches(const Client& client) const {
  if (client.id() == except_id) return false;
  if (!ids.empty() && std::find(ids.begin(), ids.end(), client.id()) == ids.end()) return false;
  if (address && client.address() != *address) return false;
  if (user && client.user_name() != *user) return false;
  if (local_address && client.local_address() != *local_address) return false;
  return !type || (!type->matches_none && client.client_class() == type->client_class);
}

}  // namespace starling::server
