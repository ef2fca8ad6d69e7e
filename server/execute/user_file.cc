#include "server/execute/user_file.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "server/config.h"
#include "server/config/config_text.h"
#include "server/execute/state_file.h"
#include "server/io_thread.h"
#include "server/process/log.h"
#include "server/server.h"

namespace starling::server {
namespace {

using engine::Status;
using engine::StatusCode;

constexpr StateFile kUsers{"users", "STARLING-USERS-1\n", "the users"};

// As acl-pubsub-default and requirepass say.
void follow_settings(Server& server) {
  Config& config = server.config();
  config.on_change("acl-pubsub-default", [&server] {
    server.users().allow_all_channels(server.settings().acl_all_channels != 0);
    return Status();
  });
  config.on_change("requirepass", [&server] {
    server.users().set_default_password(server.settings().password.get(), server.clock().wall_ms());
    if (server.cluster() != nullptr) keep_users(server, [](bool) {});
    return Status();
  });
  config.on_rewriting_users([&server] { return configured_user_lines(server); });
}

}  // namespace

Status read_users(const std::string& path, std::vector<acl::UserLine>* lines) {
  std::string text;
  if (Status status = read_file(path, &text); !status.ok()) return status;
  std::string_view left = text;
  for (size_t number = 1; !left.empty(); ++number) {
    const std::string_view line = left.substr(0, left.find('\n'));
    left.remove_prefix(std::min(line.size() + 1, left.size()));
    const std::vector<std::string_view> words = acl::split_at_blanks(line);
    if (words.empty()) continue;
    const std::string where = path + ":" + std::to_string(number);
    if (words.size() < 2 || words[0] != kUserDeclaration)
      return Status(StatusCode::kInvalid, where + " should start with user keyword followed by the username");
    lines->push_back({where, std::string(words[1]), {words.begin() + 2, words.end()}});
  }
  return {};
}

Status write_users(const std::string& path, const acl::Users& users) {
  std::string text;
  for (const acl::Users::Ref& user : users.all())
    text += std::string(kUserDeclaration) + " " + user->name + " " + acl::describe_rules(*user) + "\n";
  return replace_file(path, text);
}

std::vector<std::string> configured_user_lines(const Server& server) {
  std::vector<std::string> lines;
  if (!server.settings().acl_file.empty()) return lines;
  const std::string plain = server.users().rules_by_password(server.settings().password.get());
  for (const acl::Users::Ref& user : server.users().all()) {
    const std::string rules = acl::describe_rules(*user);
    if (user->name == acl::kDefaultUser && rules == plain) continue;
    std::string line = std::string(kUserDeclaration) + " " + quote_word(user->name);
    for (const std::string_view word : acl::split_at_blanks(rules)) line += " " + quote_word(word);
    lines.push_back(std::move(line));
  }
  return lines;
}

void keep_users(Server& server, std::function<void(bool kept)> then) {
  server.engine().offload([&server, then = std::move(then)] {
    const Status status =
        save_state(state_directory(server), kUsers, [&server] { return server.users().state(); });
    if (!status.ok()) log_text(LogLevel::kWarning, "Users could not be saved: " + status.message());
    server.io_threads().front()->loop().post([then, kept = status.ok()] { then(kept); });
  });
}

Status copy_users(const std::string& from, const std::string& to) {
  return copy_state(from, to, kUsers);
}

Status load_users(Server& server) {
  acl::Users& users = server.users();
  const Settings& settings = server.settings();
  users.allow_all_channels(settings.acl_all_channels != 0);
  if (!settings.password.empty()) users.set_default_password(settings.password.get(), 0);
  follow_settings(server);
  std::vector<acl::UserLine> lines = server.config().users();
  if (!settings.acl_file.empty()) {
    if (Status status = read_users(settings.acl_file, &lines); !status.ok())
      return Status(status.code(), "Users could not be loaded: " + status.message());
  }
  if (const std::string error = users.configure(lines); !error.empty())
    return Status(StatusCode::kInvalid, error);
  if (!settings.cluster_enabled) return {};
  return load_state(state_directory(server), kUsers,
                    [&users](std::string_view state) { return users.merge(state); });
}

}  // namespace starling::server
