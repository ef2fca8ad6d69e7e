// Users in files: lines "user <name> <rule> <rule> …", in the configuration or in a file of their own (aclfile), as
// Redis has them. In a cluster what was changed while it ran is in the file `users` of the data directory, too
// (state_file.h), which counts above these.
//
// Any thread, but for load_users().
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "engine/base/status.h"
#include "server/acl/users.h"

namespace starling::server {

class Server;

// Of a file of users; blank lines are passed over. Not ok: it cannot be read, or what a line says is no user.
engine::Status read_users(const std::string& path, std::vector<acl::UserLine>* lines);
// Replaces the file at once. Durable when it returns ok.
engine::Status write_users(const std::string& path, const acl::Users& users);

// What CONFIG REWRITE writes: all of them, but for the user default where requirepass says all there is to say of it,
// and for a server that has a file of users.
std::vector<std::string> configured_user_lines(const Server& server);

// In a cluster: what is known of users goes to the disk, and `then` runs on the first loop. Where nothing is kept, so
// it does. kept: false where it could not be written.
void keep_users(Server& server, std::function<void(bool kept)> then);
// Into a snapshot's directory. No file is fine.
engine::Status copy_users(const std::string& from, const std::string& to);

// At start: what the settings say of users. Later changes of these settings follow. Not ok: the process should say so
// and exit.
engine::Status load_users(Server& server);

}  // namespace starling::server
