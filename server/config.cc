#include "server/config.h"

#include <unistd.h>

#include <algorithm>
#include <climits>
#include <cstdio>
#include <filesystem>
#include <iterator>
#include <set>
#include <thread>

#include "engine/base/assert.h"
#include "engine/core/engine.h"
#include "resp/glob.h"
#include "server/acl/catalogue.h"
#include "server/config/config_text.h"
#include "server/config/setting_value.h"
#include "server/process/machine_memory.h"

namespace starling::server {
namespace {

using engine::Status;
using engine::StatusCode;

constexpr int64_t kMostDerivedThreads = 4;
constexpr size_t kMaxStandardInputBytes = 16u << 20;
// What the engine, snapshots and the cluster keep in the data directory.
constexpr std::string_view kOwnFiles[] = {"LOCK",          "FORMAT", "ballast",   "actor",
                                          "log",           "store",  "snapshots", "cluster",
                                          "cluster-peers", "sums",   "functions", "users"};

Status invalid(std::string message) {
  return Status(StatusCode::kInvalid, std::move(message));
}

std::string absolute_path(const std::string& path) {
  std::error_code error;
  auto absolute = std::filesystem::absolute(path, error).lexically_normal();
  std::string text = error ? path : absolute.string();
  if (text.size() > 1 && text.ends_with('/')) text.pop_back();
  return text;
}

Status read_standard_input(std::string* text) {
  char buffer[4096];
  while (size_t count = std::fread(buffer, 1, sizeof(buffer), stdin)) {
    text->append(buffer, count);
    if (text->size() > kMaxStandardInputBytes) return invalid("standard input: too long for a configuration");
  }
  return {};
}

bool matches(std::string_view pattern, std::string_view name) {
  return resp::glob_match(pattern, name, true);
}

struct CommandLineOption {
  std::string text;
  std::vector<std::string> words;
};

// Groups `--name value …` into one option each. A value may begin with "--" when a name stands right before
// it, as in Redis; only `--save` may have none, which means "".
std::vector<CommandLineOption> group_options(std::span<const std::string> arguments) {
  std::vector<CommandLineOption> options;
  bool name_may_follow = true;
  for (const std::string& argument : arguments) {
    bool is_name = argument.starts_with("--");
    if (!options.empty() && !name_may_follow && is_name &&
        options.back().words == std::vector<std::string>{"save"}) {
      options.back().words.emplace_back();
      name_may_follow = true;
    }
    if (is_name && name_may_follow) {
      // "--port 7000" may come as one argument.
      auto words = split_words(std::string_view(argument).substr(2));
      options.push_back({argument, words ? *words : std::vector<std::string>{argument.substr(2)}});
      name_may_follow = options.back().words.size() > 1;
    } else {
      if (options.empty()) options.push_back({argument, {}});
      options.back().text += " " + quote_word(argument);
      options.back().words.push_back(argument);
      name_may_follow = true;
    }
  }
  if (!options.empty() && options.back().words == std::vector<std::string>{"save"}) {
    options.back().words.emplace_back();
  }
  return options;
}

}  // namespace

Config::Config() {
  for (const SettingSection& section : setting_sections()) {
    for (const SettingSpec& spec : section.settings) put(spec, default_value(spec));
  }
}

void Config::put(const SettingSpec& spec, std::string canonical) {
  store_setting(spec, canonical, &settings_);
  if (canonical == kAutomatic && spec.field == SettingField(&Settings::max_memory_bytes))
    settings_.max_memory_bytes.set(automatic_max_memory(settings_.storage));
  std::lock_guard lock(mutex_);
  values_[&spec] = std::move(canonical);
}

const std::string& Config::value_of(const SettingSpec& spec) const {
  auto found = values_.find(&spec);
  STARLING_ASSERT(found != values_.end());
  return found->second;
}

Status Config::load(std::span<const std::string> arguments) {
  std::string wrong;
  const auto collect = [&wrong](const Status& status) {
    if (!status.ok()) wrong += (wrong.empty() ? "" : "\n") + status.message();
  };
  const auto take = [&](const ConfigLine& line) {
    collect(take_line(line.where, line.text, line.words));
    const SettingSpec* spec = line.included ? find_setting(line.words.front()) : nullptr;
    if (spec != nullptr) included_.insert(spec);
    users_included_ |= line.included && acl::same_word(leading_name(line.words.front()), kUserDeclaration);
    return Status();
  };
  if (!arguments.empty() && !arguments.front().starts_with("--")) {
    Status status;
    if (arguments.front() == "-") {
      std::string text;
      status = read_standard_input(&text);
      if (status.ok()) status = read_config_text("standard input", text, take);
    } else {
      file_ = absolute_path(arguments.front());
      status = read_config_file(arguments.front(), take);
    }
    collect(status);
    arguments = arguments.subspan(1);
  }
  for (const CommandLineOption& option : group_options(arguments)) {
    collect(take_line("command line", option.text, option.words));
  }
  collect(finish_load());
  return wrong.empty() ? Status() : invalid(std::move(wrong));
}

Status Config::take_line(std::string_view where, std::string_view text, std::span<const std::string> words) {
  auto wrong = [&](const std::string& what) {
    const bool secret = !words.empty() && is_secret_setting(words.front());
    const std::string shown =
        secret ? std::string(leading_name(words.front())) + " (redacted)" : std::string(text);
    return invalid(std::string(where) + ": '" + shown + "'\n  " + what);
  };
  if (words.empty()) return wrong("a setting's name is missing");
  std::string name = words.front();
  std::transform(name.begin(), name.end(), name.begin(), [](unsigned char c) { return std::tolower(c); });

  if (name == kUserDeclaration) {
    if (words.size() < 2) return wrong("a user's name is missing");
    users_.push_back({std::string(where), words[1], {words.begin() + 2, words.end()}});
    return {};
  }
  const SettingSpec* spec = find_setting(name);
  if (spec == nullptr) {
    if (std::string_view reason = refusal_of(name); !reason.empty()) {
      return wrong(std::string(leading_name(name)) + " is not available: " + std::string(reason));
    }
    // Somebody wrote name=value, and the value may be a password.
    const std::string_view bare = leading_name(name);
    if (bare != name && find_setting(bare) != nullptr)
      return wrong("a setting's name and its value are separated by a space, not by '" +
                   name.substr(bare.size(), 1) + "'");
    std::string_view similar = similar_setting(bare);
    return wrong("unknown setting " + quote_word(is_secret_setting(name) ? bare : name) +
                 (similar.empty() ? "; conf/starling.conf lists them all"
                                  : "; did you mean " + std::string(similar) + "?"));
  }
  bool first = origins_.emplace(spec, where).second;
  std::string base = first && spec->kind == SettingKind::kSavePoints ? "" : value_of(*spec);
  std::string canonical;
  if (Status status = parse_setting(*spec, words.subspan(1), base, &canonical); !status.ok()) {
    return wrong(status.message() + "\n  accepted: " + accepted_values(*spec));
  }
  if ((spec->flags & kWarned) != 0 && canonical != default_value(*spec)) {
    warnings_.push_back(std::string(where) + ": '" + std::string(text) + "' changes nothing. " +
                        std::string(spec->documentation));
  }
  put(*spec, std::move(canonical));
  return {};
}

// Files of the user's must not stand where the data directory has its own.
Status Config::check_paths() const {
  if (settings_.storage != Storage::kRocksDb) return {};
  const std::pair<std::string_view, const std::string*> files[] = {{"logfile", &settings_.log_file},
                                                                   {"pidfile", &settings_.pid_file},
                                                                   {"unixsocket", &settings_.unix_socket},
                                                                   {"aclfile", &settings_.acl_file}};
  for (const auto& [name, path] : files) {
    for (const std::string_view own : kOwnFiles) {
      if (*path != settings_.directory + "/" + std::string(own)) continue;
      return invalid(std::string(name) + " " + quote_word(*path) +
                     " is where the data directory keeps its own '" + std::string(own) +
                     "': give it another name or place");
    }
  }
  return {};
}

// What is accepted and does not do what it looks like.
void Config::note_contradictions() {
  const bool durable = settings_.storage == Storage::kRocksDb;
  if (durable && settings_.eviction_policy != engine::EvictionPolicy::kNoEviction) {
    warnings_.push_back(
        "maxmemory-policy " + value_of(*find_setting("maxmemory-policy")) +
        " evicts nothing with storage rocksdb: what leaves memory stays on disk, for ever. For a cache set "
        "'storage memory'.");
  }
  if (durable && value_of(*find_setting("appendonly")) == "no") {
    warnings_.push_back(
        "appendonly no changes nothing with storage rocksdb: every write goes to the commit log on disk. For "
        "a "
        "server that keeps nothing set 'storage memory'.");
  }
  if (!settings_.cluster_enabled && !settings_.cluster_seeds.empty())
    warnings_.push_back("cluster-seeds changes nothing without 'cluster-enabled yes'.");
}

Status Config::finish_load() {
  for (std::string_view name : {"dir", "logfile", "pidfile", "unixsocket", "aclfile"}) {
    const SettingSpec* spec = find_setting(name);
    if (std::string path = value_of(*spec); !path.empty()) put(*spec, absolute_path(path));
  }
  if (settings_.io_threads == 0) {
    int64_t cores = std::max<int64_t>(1, std::thread::hardware_concurrency());
    settings_.io_threads = std::min(cores, kMostDerivedThreads);
  }
  origins_.clear();
  if (settings_.databases > engine::kDatabaseCount) {
    warnings_.push_back("databases " + std::to_string(settings_.databases) + ": there are " +
                        std::to_string(engine::kDatabaseCount) + ". To SELECT a higher one is an error.");
    put(*find_setting("databases"), std::to_string(engine::kDatabaseCount));
  }
  if (const SettingSpec* limit = find_setting("maxmemory"); value_of(*limit) == kAutomatic)
    put(*limit, "auto");
  const auto named = [](const std::string& seed) { return !seed.empty(); };
  if (std::any_of(settings_.cluster_join.begin(), settings_.cluster_join.end(), named)) {
    put(*find_setting("cluster-enabled"), "yes");
    if (settings_.storage != Storage::kRocksDb)
      return invalid(
          "cluster-join needs 'storage rocksdb': a node that keeps its records in memory only cannot be "
          "brought them");
  }
  if (!settings_.acl_file.empty() && !users_.empty())
    return invalid(users_.front().where +
                   ": users are declared here and in 'aclfile': it must be one or the other");
  note_contradictions();
  if (settings_.port == 0 && settings_.tls_port == 0 && settings_.unix_socket.empty())
    return invalid("port 0 needs a tls-port or a unixsocket: there would be nothing to connect to");
  if (settings_.port != 0 && settings_.port == settings_.tls_port)
    return invalid("port and tls-port are the same: one port speaks either TLS or not");
  if (settings_.tls_port != 0 && (settings_.tls_certificate_file.empty() || settings_.tls_key_file.empty()))
    return invalid("tls-port needs 'tls-cert-file' and 'tls-key-file'");
  return check_paths();
}

std::vector<Config::NameValue> Config::get(std::span<const std::string_view> patterns) const {
  std::vector<NameValue> found;
  std::set<std::pair<const SettingSpec*, bool>> seen;  // With true for the alias.
  std::lock_guard lock(mutex_);
  auto add = [&](const SettingSpec& spec, bool alias, std::string_view shown) {
    if (seen.emplace(&spec, alias).second) found.emplace_back(shown, this->shown(spec));
  };
  for (std::string_view pattern : patterns) {
    if (pattern.find_first_of("*?[\\") == std::string_view::npos) {
      // Shown as asked for, whatever its case.
      const SettingSpec* spec = find_setting(pattern);
      if (spec != nullptr) add(*spec, !matches(pattern, spec->name), pattern);
      continue;
    }
    for (const SettingSection& section : setting_sections()) {
      for (const SettingSpec& spec : section.settings) {
        if (matches(pattern, spec.name)) add(spec, false, spec.name);
        if (!spec.alias.empty() && matches(pattern, spec.alias)) add(spec, true, spec.alias);
      }
    }
  }
  return found;
}

std::string Config::shown(const SettingSpec& spec) const {
  const std::string& value = value_of(spec);
  return (spec.flags & kAuto) != 0 && value == kAutomatic ? std::to_string(settings_.max_memory_bytes.get())
                                                          : value;
}

Status Config::set(std::span<const std::pair<std::string_view, std::string_view>> pairs) {
  auto failed = [](std::string_view name, std::string_view why) {
    return invalid("ERR CONFIG SET failed (possibly related to argument '" + std::string(name) + "') - " +
                   std::string(why));
  };
  // A value that does not fit: named as the setting is spelled, not as it was typed.
  auto unfit = [&failed](std::string_view name, std::string_view why) {
    std::string spelled(name);
    for (char& c : spelled) c = static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
    return failed(spelled, why);
  };
  std::lock_guard one_at_a_time(set_mutex_);
  std::vector<std::pair<const SettingSpec*, std::string>> parsed;
  for (auto [name, value] : pairs) {
    const SettingSpec* spec = find_setting(name);
    if (spec == nullptr) {
      return invalid("ERR Unknown option or number of arguments for CONFIG SET - '" + std::string(name) +
                     "'");
    }
    if (spec->flags & kFixed) {
      std::string text(value), canonical;
      Status status =
          spec->flags & kValueFirst ? parse_setting(*spec, std::span(&text, 1), "", &canonical) : Status();
      return status.ok() ? failed(name, "can't set immutable config") : unfit(name, status.message());
    }
    if (spec->flags & kProtectedSetting) return failed(name, "can't set protected config");
    for (const auto& earlier : parsed) {
      if (earlier.first == spec) return failed(name, "duplicate parameter");
    }
    parsed.emplace_back(spec, value);
  }

  std::vector<std::pair<const SettingSpec*, std::string>> old;
  for (size_t i = 0; i < parsed.size(); ++i) {
    auto& [spec, value] = parsed[i];
    old.emplace_back(spec, value_of(*spec));
    std::string base = spec->kind == SettingKind::kSavePoints ? "" : old.back().second;
    std::string canonical;
    Status status = parse_setting(*spec, std::span(&value, 1), base, &canonical);
    if (!status.ok()) return unfit(pairs[i].first, status.message());
    value = std::move(canonical);
  }
  for (auto& [spec, value] : parsed) put(*spec, std::move(value));
  for (size_t i = 0; i < old.size(); ++i) {
    const bool same = value_of(*old[i].first) == old[i].second && (old[i].first->flags & kNamesFile) == 0;
    Status status = same ? Status() : notify(*old[i].first);
    if (status.ok()) continue;
    for (auto& [spec, value] : old) put(*spec, value);
    for (size_t j = 0; j <= i; ++j) static_cast<void>(notify(*old[j].first));
    return unfit(pairs[i].first, status.message());
  }
  return {};
}

void Config::on_change(std::string_view name, std::function<Status()> apply) {
  const SettingSpec* spec = find_setting(name);
  STARLING_ASSERT(spec != nullptr);
  listeners_[spec].push_back(std::move(apply));
}

Status Config::notify(const SettingSpec& spec) {
  auto found = listeners_.find(&spec);
  if (found == listeners_.end()) return {};
  for (const auto& apply : found->second) {
    if (Status status = apply(); !status.ok()) return status;
  }
  return {};
}

}  // namespace starling::server
