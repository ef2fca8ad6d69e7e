// The configuration of the server: reads the file and the command line at start, answers CONFIG GET, SET and
// REWRITE.
//
// One Config lives as long as the server. load() is called once, before threads start; everything else may be
// called from any thread.
#pragma once

#include <functional>
#include <map>
#include <mutex>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/base/status.h"
#include "server/acl/users.h"
#include "server/config/setting_spec.h"
#include "server/settings.h"

namespace starling::server {

class Config {
 public:
  using NameValue = std::pair<std::string, std::string>;

  Config();  // Every setting at its default.
  Config(const Config&) = delete;
  Config& operator=(const Config&) = delete;

  // Takes the arguments after the program's name: `[file | -] [--name value …]…`, "-" reading standard input,
  // later ones winning over earlier ones and over the file. Not ok: of each line that is wrong where it is, its text,
  // what is wrong and what would be accepted, in lines fit for a terminal; the process should print it and exit.
  engine::Status load(std::span<const std::string> arguments);

  const Settings& settings() const { return settings_; }
  // What was asked for and will not be done, by load(): for the log.
  const std::vector<std::string>& warnings() const { return warnings_; }
  // The users that were declared, in order. Their rules have not been looked at.
  const std::vector<acl::UserLine>& users() const { return users_; }
  // What rewrite() writes in place of them: whole lines. Register before threads start; any thread calls it.
  void on_rewriting_users(std::function<std::vector<std::string>()> lines) { user_lines_ = std::move(lines); }
  // Absolute path of the file read at start; empty without one.
  const std::string& file() const { return file_; }

  // CONFIG GET: the settings whose name matches one of the patterns, each once.
  std::vector<NameValue> get(std::span<const std::string_view> patterns) const;
  // CONFIG SET: all of the pairs or none. Not ok: message() is the error reply, without '-'.
  engine::Status set(std::span<const std::pair<std::string_view, std::string_view>> pairs);
  // CONFIG REWRITE: brings the file up to date, keeping its comments and order. Not ok: message() is the
  // error reply.
  engine::Status rewrite() const;

  // `apply` is called, on the thread of the caller of set(), after the named setting took a new value. When
  // it fails everything that set() changed is put back, and `apply` called again. Register before threads
  // start.
  void on_change(std::string_view name, std::function<engine::Status()> apply);

 private:
  engine::Status take_line(std::string_view where, std::string_view text, std::span<const std::string> words);
  engine::Status finish_load();
  engine::Status check_paths() const;
  void note_contradictions();
  // As CONFIG GET shows it.
  std::string shown(const SettingSpec& spec) const;
  void put(const SettingSpec& spec, std::string canonical);
  engine::Status notify(const SettingSpec& spec);
  const std::string& value_of(const SettingSpec& spec) const;

  mutable std::mutex rewrite_mutex_;  // Held by rewrite() throughout; taken before set_mutex_.
  mutable std::mutex set_mutex_;      // Held by set() throughout; taken before mutex_.
  mutable std::mutex mutex_;          // Guards values_; settings_ has atomics of its own.
  std::map<const SettingSpec*, std::string> values_;   // Canonical.
  std::map<const SettingSpec*, std::string> origins_;  // During load(): where each was set.
  std::map<const SettingSpec*, std::vector<std::function<engine::Status()>>> listeners_;
  // Set by a file that the main one includes: the main one has to say it after that.
  std::set<const SettingSpec*> included_;
  std::vector<acl::UserLine> users_;
  bool users_included_ = false;  // One of them by a file that the main one includes.
  std::function<std::vector<std::string>()> user_lines_;
  std::vector<std::string> warnings_;
  Settings settings_;
  std::string file_;
};

}  // namespace starling::server
