#include "server/config.h"

#include <doctest/doctest.h>

#include <atomic>
#include <thread>

#include "server/execute/command_line.h"
#include "server/notify_class.h"
#include "tests/unit/server/temporary_directory.h"

namespace starling::server {
namespace {

using Pairs = std::vector<std::pair<std::string_view, std::string_view>>;
using Values = std::vector<Config::NameValue>;

engine::Status load(Config* config, std::vector<std::string> arguments) {
  return config->load(arguments);
}

std::string value(const Config& config, std::string_view name) {
  auto found = config.get(std::span(&name, 1));
  return found.size() == 1 ? found[0].second : "(" + std::to_string(found.size()) + " found)";
}

std::string set(Config* config, Pairs pairs) {
  engine::Status status = config->set(pairs);
  return status.ok() ? "OK" : status.message();
}

std::string failed(std::string_view name, std::string_view why) {
  return "ERR CONFIG SET failed (possibly related to argument '" + std::string(name) + "') - " +
         std::string(why);
}

std::string load_error(std::vector<std::string> arguments) {
  Config config;
  engine::Status status = config.load(arguments);
  return status.ok() ? "" : status.message();
}

TEST_CASE("defaults reach the typed fields") {
  Config config;
  REQUIRE(load(&config, {}).ok());
  const Settings& settings = config.settings();
  CHECK(settings.port == 6379);
  CHECK(settings.bind == std::vector<std::string>{"127.0.0.1", "-::1"});
  CHECK(settings.protected_mode);
  CHECK(settings.max_bulk_bytes == 512ll << 20);
  CHECK(settings.storage == Storage::kRocksDb);
  CHECK(settings.fsync == engine::Fsync::kEverySecond);
  CHECK(settings.eviction_policy == engine::EvictionPolicy::kNoEviction);
  CHECK(settings.log_level == LogLevel::kNotice);
  CHECK(settings.output_pubsub.hard_bytes == 32ll << 20);
  CHECK(settings.output_pubsub.soft_seconds == 60);
  CHECK(settings.io_threads >= 1);
  CHECK(settings.io_threads <= 4);
  CHECK(settings.directory.starts_with('/'));
  CHECK(settings.directory.ends_with("/data"));
}

TEST_CASE("the command line wins over the file, later lines over earlier ones") {
  TemporaryDirectory directory;
  std::string file = directory.write(
      "s.conf", "port 7001\nPORT 7002\nbind 127.0.0.2 ::1\nmaxmemory 1gb\nrequirepass \"a b\"\n");
  Config config;
  REQUIRE(load(&config, {file, "--maxmemory", "100mb", "--dir", directory.path() + "/./d/"}).ok());
  CHECK(config.file() == file);
  CHECK(config.settings().port == 7002);
  CHECK(config.settings().bind == std::vector<std::string>{"127.0.0.2", "::1"});
  CHECK(config.settings().max_memory_bytes == 100ll << 20);
  CHECK(config.settings().password.get() == "a b");
  CHECK(config.settings().directory == directory.path() + "/d");
}

TEST_CASE("command line options as Redis groups them") {
  Config config;
  REQUIRE(load(&config, {"--bind", "127.0.0.1", "::1", "--port 7000", "--save", "--requirepass", "--secret",
                         "--loglevel", "debug", "--client-output-buffer-limit", "normal 1mb 2mb 3"})
              .ok());
  CHECK(config.settings().bind.size() == 2);
  CHECK(config.settings().port == 7000);
  CHECK(value(config, "save").empty());
  CHECK(config.settings().password.get() == "--secret");
  CHECK(config.settings().log_level == LogLevel::kDebug);
  CHECK(config.settings().output_normal.soft_bytes == 2ll << 20);

  Config last;
  REQUIRE(load(&last, {"--save", "60", "1", "--save"}).ok());
  CHECK(value(last, "save").empty());
}

TEST_CASE("save lines add up, an empty one clears") {
  TemporaryDirectory directory;
  Config config;
  REQUIRE(load(&config, {directory.write("a.conf", "save 3600 1\nsave 60 5\n")}).ok());
  CHECK(value(config, "save") == "3600 1 60 5");
  Config cleared;
  REQUIRE(load(&cleared, {directory.write("b.conf", "save 3600 1\n"), "--save", ""}).ok());
  CHECK(value(cleared, "save").empty());
}

TEST_CASE("a wrong file stops the start with place, text and what would be accepted") {
  TemporaryDirectory directory;
  std::string file = directory.write("s.conf", "# one\nport 7000\nmaxmemroy 100mb\n");
  CHECK(load_error({file}) ==
        file + ":3: 'maxmemroy 100mb'\n  unknown setting maxmemroy; did you mean maxmemory?");
  CHECK(load_error({"--appendfsync", "sometimes"}) ==
        "command line: '--appendfsync sometimes'\n  argument(s) must be one of the following: everysec, "
        "always, no\n"
        "  accepted: everysec, always, no");
  CHECK(load_error({"--port", "70000"}) ==
        "command line: '--port 70000'\n  argument must be between 0 and 65535 inclusive\n"
        "  accepted: an integer from 0 to 65535");
  CHECK(load_error({"--port"}).find("wrong number of arguments") != std::string::npos);
  CHECK(load_error({"--xyzzy", "1"}).find("conf/starling.conf lists them all") != std::string::npos);
  CHECK(load_error({directory.path() + "/absent.conf"}).find("No such file") != std::string::npos);
  CHECK(load_error({"--port", "0"}).find("unixsocket") != std::string::npos);
}

TEST_CASE("a wrong line does not tell a password") {
  TemporaryDirectory directory;
  std::string file = directory.write("s.conf", "port 7000\nrequirepass geheim wirklich\n");
  CHECK(load_error({file}).starts_with(file + ":2: 'requirepass (redacted)'\n"));
  file = directory.write("u.conf", "RequirePass \"geheim\n");
  CHECK(load_error({file}) == file + ":1: 'RequirePass (redacted)'\n  unbalanced quotes");
  for (const char* name : {"--requirpass", "--masterauth", "--MasterAuth", "--tls-key-file-pass"}) {
    CAPTURE(name);
    CHECK(load_error({name, "geheim"}).find("geheim") == std::string::npos);
    for (const char* between : {"=", ":", "=\""}) {
      CHECK(load_error({std::string(name) + between + "geheim"}).find("geheim") == std::string::npos);
      file = directory.write("v.conf", std::string(name).substr(2) + between + "geheim x\n");
      CHECK(load_error({file}).find("geheim") == std::string::npos);
    }
  }
  CHECK(load_error({"--requirepass=geheim"}) ==
        "command line: 'requirepass (redacted)'\n  a setting's name and its value are separated by a space, "
        "not by "
        "'='");
  CHECK(load_error({"--port=7000"}).starts_with("command line: '--port=7000'\n"));
}

TEST_CASE("no file of the user's stands where the data directory has its own") {
  for (const char* name : {"actor", "cluster", "cluster-peers", "log", "sums"}) {
    CAPTURE(name);
    CHECK(load_error({"--dir", "/d", "--logfile", std::string("/d/") + name})
              .find(std::string("keeps its own '") + name + "'") != std::string::npos);
  }
}

TEST_CASE("what all clients may hold is a size or a share of maxmemory") {
  Config config;
  REQUIRE(load(&config, {"--maxmemory-clients", "5%"}).ok());
  CHECK(value(config, "maxmemory-clients") == "5%");
  CHECK(config.settings().max_client_memory == -5);
  Config other;
  REQUIRE(load(&other, {"--maxmemory-clients", "1mb"}).ok());
  CHECK(value(other, "maxmemory-clients") == "1048576");
  CHECK(load_error({"--maxmemory-clients", "101%"}).find("less or equal to 100") != std::string::npos);
  CHECK(load_error({"--maxmemory-clients", "x%"}).find("memory or percent value") != std::string::npos);
  Config none;
  REQUIRE(load(&none, {"--maxmemory-clients", "0%"}).ok());
  CHECK(none.settings().max_client_memory == 0);
}

TEST_CASE("what Redis has and Starling has not is refused with the reason") {
  CHECK(load_error({"--replica-announce-port", "1"}).find("cannot be replicas of this one") !=
        std::string::npos);
  CHECK(load_error({"--replicaof", "127.0.0.1", "6379"}).empty());
  CHECK(load_error({"--cluster-slots", "16384"}).find("no primaries to fail over") != std::string::npos);
  CHECK(load_error({"--loadmodule", "x.so"}).find("modules cannot be loaded") != std::string::npos);
  CHECK(load_error({"--tls-client-cert-file", "x"}).find("opens no TLS") != std::string::npos);
  CHECK(load_error({"--tls-cluster", "yes"}).find("accepted: no") != std::string::npos);
  CHECK(load_error({"--tls-protocols", "SSLv3"}).find("TLSv1.3") != std::string::npos);
  CHECK(load_error({"--quorum-r", "most"}).find("LOCAL_QUORUM") != std::string::npos);
  CHECK(load_error({"--tls-port", "6380"}).find("needs 'tls-cert-file'") != std::string::npos);
  CHECK(load_error({"--tls-port", "6379", "--tls-cert-file", "x", "--tls-key-file", "y"}).find("the same") !=
        std::string::npos);
  CHECK(load_error({"--port", "0"}).find("tls-port or a unixsocket") != std::string::npos);
  CHECK(load_error({"--port", "0", "--tls-port", "6380", "--tls-cert-file", "x", "--tls-key-file", "y"})
            .empty());
  CHECK(load_error({"--replica-read-only", "no"}).empty());
}

TEST_CASE("all that is wrong is told at once") {
  TemporaryDirectory directory;
  const std::string file = directory.write("s.conf", "prot 1\nport 7000\nappendfsync maybe\n");
  const std::string error = load_error({file, "--hz", "often", "--port", "0"});
  for (const std::string_view part :
       {":1: 'prot 1'", ":3: 'appendfsync maybe'", "'--hz often'", "port 0 needs"}) {
    CAPTURE(error);
    CHECK(error.find(part) != std::string::npos);
  }
}

TEST_CASE("what may be counted on and changes nothing is warned of, and stops no start") {
  for (const std::pair<std::string, std::string>& given :
       std::vector<std::pair<std::string, std::string>>{{"syslog-enabled", "yes"},
                                                        {"cluster-node-timeout", "5000"},
                                                        {"cluster-config-file", "n.conf"},
                                                        {"cluster-require-full-coverage", "no"},
                                                        {"shutdown-on-sigterm", "nosave"},
                                                        {"socket-mark-id", "7"},
                                                        {"cluster-slave-no-failover", "yes"}}) {
    Config config;
    const std::string& name = given.first;
    CAPTURE(name);
    REQUIRE(load(&config, {"--" + name, given.second}).ok());
    REQUIRE(config.warnings().size() == 1);
    CHECK(config.warnings()[0].find("changes nothing") != std::string::npos);
    CHECK(given.second == value(config, name));
  }
  Config plain;
  REQUIRE(load(&plain, {"--syslog-enabled", "no", "--cluster-node-timeout", "15000"}).ok());
  CHECK(plain.warnings().empty());
}

TEST_CASE("what does something else than it seems to is warned of") {
  const auto warning = [](std::vector<std::string> arguments) {
    Config config;
    REQUIRE(config.load(arguments).ok());
    return config.warnings().empty() ? std::string() : config.warnings()[0];
  };
  CHECK(warning({"--maxmemory-policy", "allkeys-lru"}).find("storage memory") != std::string::npos);
  CHECK(warning({"--appendonly", "no"}).find("storage memory") != std::string::npos);
  CHECK(warning({"--maxmemory-policy", "allkeys-lru", "--appendonly", "no", "--storage", "memory"}).empty());
  CHECK(warning({"--cluster-seeds", "a:1"}).find("cluster-enabled") != std::string::npos);
  CHECK(warning({"--cluster-seeds", "a:1", "--cluster-enabled", "yes"}).empty());
}

TEST_CASE("databases: as many as asked for, 16 at most") {
  Config four, many;
  REQUIRE(load(&four, {"--databases", "4"}).ok());
  CHECK(four.settings().databases == 4);
  CHECK(four.warnings().empty());
  REQUIRE(load(&many, {"--databases", "64"}).ok());
  CHECK(many.settings().databases == 16);
  CHECK(value(many, "databases") == "16");
  CHECK(many.warnings().size() == 1);
}

TEST_CASE("files of the user's do not stand in the data directory's own places") {
  for (const std::string_view name : {"log", "store", "snapshots", "FORMAT", "cluster"}) {
    const std::string path = "/srv/data/" + std::string(name);
    CAPTURE(path);
    CHECK(load_error({"--dir", "/srv/data", "--logfile", path}).find("its own '" + std::string(name)) !=
          std::string::npos);
    CHECK(load_error({"--dir", "/srv/data", "--pidfile", path + ".pid"}).empty());
    CHECK(load_error({"--dir", "/srv/data", "--logfile", path, "--storage", "memory"}).empty());
  }
}

TEST_CASE("maxmemory auto: a share of the machine for a store, no limit for a cache") {
  Config store, cache;
  REQUIRE(load(&store, {}).ok());
  CHECK(store.settings().max_memory_bytes > 0);
  CHECK(value(store, "maxmemory") == std::to_string(store.settings().max_memory_bytes.get()));
  CHECK(set(&store, {{"maxmemory", "100mb"}}) == "OK");
  CHECK(store.settings().max_memory_bytes == 100ll << 20);
  CHECK(set(&store, {{"maxmemory", "auto"}}) == "OK");
  CHECK(store.settings().max_memory_bytes > 100ll << 20);
  // Wherever the line of storage stands.
  REQUIRE(load(&cache, {"--maxmemory", "auto", "--storage", "memory"}).ok());
  CHECK(cache.settings().max_memory_bytes == 0);
  CHECK(value(cache, "maxmemory") == "0");
}

TEST_CASE("a setting of no effect is checked and shown all the same") {
  Config config;
  REQUIRE(load(&config, {"--appendonly", "no", "--list-max-ziplist-size", "-1", "--hz", "100000"}).ok());
  CHECK(value(config, "appendonly") == "no");
  CHECK(value(config, "list-max-listpack-size") == "-1");
  CHECK(value(config, "hz") == "500");
  CHECK_FALSE(load_error({"--appendonly", "maybe"}).empty());
}

TEST_CASE("GET: patterns, aliases, case, each name once") {
  Config config;
  REQUIRE(load(&config, {}).ok());
  const std::string_view several[] = {"PORT", "port", "tcp-*", "por?", "nosuch"};
  CHECK(config.get(several) == Values{{"PORT", "6379"}, {"tcp-backlog", "511"}, {"tcp-keepalive", "300"}});
  const std::string_view alias[] = {"hash-max-ziplist-entries"};
  CHECK(config.get(alias) == Values{{"hash-max-ziplist-entries", "512"}});
  const std::string_view both[] = {"hash-max-*-ENTRIES"};
  CHECK(config.get(both) ==
        Values{{"hash-max-listpack-entries", "512"}, {"hash-max-ziplist-entries", "512"}});
  CHECK(value(config, "client-output-buffer-limit") ==
        "normal 0 0 0 slave 268435456 67108864 60 pubsub 33554432 8388608 60");
}

TEST_CASE("SET: the texts of every refusal are Redis's") {
  Config config;
  REQUIRE(load(&config, {}).ok());
  CHECK(set(&config, {{"protected-mode", "maybe"}}) ==
        failed("protected-mode", "argument must be 'yes' or 'no'"));
  CHECK(set(&config, {{"loglevel", "foo"}}) ==
        failed("loglevel", "argument(s) must be one of the following: debug, verbose, notice, warning"));
  CHECK(set(&config, {{"maxmemory-policy", "lru"}}) ==
        failed("maxmemory-policy",
               "argument(s) must be one of the following: volatile-lru, volatile-lfu, volatile-random, "
               "volatile-ttl, "
               "allkeys-lru, allkeys-lfu, allkeys-random, noeviction"));
  CHECK(set(&config, {{"maxclients", "abc"}}) ==
        failed("maxclients", "argument couldn't be parsed into an integer"));
  CHECK(set(&config, {{"maxclients", "007"}}) ==
        failed("maxclients", "argument couldn't be parsed into an integer"));
  CHECK(set(&config, {{"maxclients", "0"}}) ==
        failed("maxclients", "argument must be between 1 and 4294967295 inclusive"));
  for (std::string_view wrong : {"xx", "-1", "1tb", "1.5gb", "10%", "k", "99999999999gb"}) {
    CHECK(set(&config, {{"maxmemory", wrong}}) == failed("maxmemory", "argument must be a memory value"));
  }
  CHECK(set(&config, {{"proto-max-bulk-len", "1"}}) ==
        failed("proto-max-bulk-len", "argument must be between 1048576 and 9223372036854775807 inclusive"));
  CHECK(set(&config, {{"slowlog-log-slower-than", "-5"}}) ==
        failed("slowlog-log-slower-than", "argument must be between -1 and 9223372036854775807 inclusive"));
  CHECK(set(&config, {{"port", "1"}}) == failed("port", "can't set immutable config"));
  CHECK(set(&config, {{"dir", "/"}}) == failed("dir", "can't set protected config"));
  CHECK(set(&config, {{"nosuch", "1"}}) ==
        "ERR Unknown option or number of arguments for CONFIG SET - 'nosuch'");
  CHECK(set(&config, {{"timeout", "1"}, {"TIMEOUT", "2"}}) == failed("TIMEOUT", "duplicate parameter"));
  CHECK(set(&config, {{"save", "10"}}) == failed("save", "Invalid save parameters"));
  CHECK(set(&config, {{"save", "0 1"}}) == failed("save", "Invalid save parameters"));
  CHECK(set(&config, {{"notify-keyspace-events", "Kq"}}) ==
        failed("notify-keyspace-events", "Invalid event class character. Use 'Ag$lshzxeKEtmdn'."));
  CHECK(
      set(&config, {{"client-output-buffer-limit", "foo 1 2 3"}}) ==
      failed("client-output-buffer-limit", "Invalid client class specified in buffer limit configuration."));
  CHECK(set(&config, {{"client-output-buffer-limit", "normal 1 2"}}) ==
        failed("client-output-buffer-limit", "Wrong number of arguments in buffer limit configuration."));
  CHECK(set(&config, {{"client-output-buffer-limit", "normal -1 x 3"}}) ==
        failed("client-output-buffer-limit",
               "Error in hard, soft or soft_seconds setting in buffer limit configuration."));
}

TEST_CASE("SET: values arrive in the fields and in GET") {
  Config config;
  REQUIRE(load(&config, {}).ok());
  CHECK(
      set(&config,
          {{"maxmemory", "1k"}, {"LogLevel", "DEBUG"}, {"appendfsync", "always"}, {"requirepass", "p w"}}) ==
      "OK");
  CHECK(config.settings().max_memory_bytes == 1000);
  CHECK(config.settings().log_level == LogLevel::kDebug);
  CHECK(value(config, "loglevel") == "debug");
  CHECK(config.settings().fsync == engine::Fsync::kAlways);
  CHECK(config.settings().password.get() == "p w");
  CHECK(set(&config, {{"client-output-buffer-limit", "pubsub 1mb 2mb 4"}}) == "OK");
  CHECK(config.settings().output_pubsub.hard_bytes == 1 << 20);
  CHECK(set(&config, {{"save", "100 1 200 2"}}) == "OK");
  CHECK(set(&config, {{"save", "300 3"}}) == "OK");
  CHECK(value(config, "save") == "300 3");
  CHECK(set(&config, {{"hash-max-listpack-value", ""}}) == "OK");
  CHECK(value(config, "hash-max-ziplist-value") == "0");
}

TEST_CASE("SET: event letters") {
  Config config;
  REQUIRE(load(&config, {}).ok());
  CHECK(set(&config, {{"notify-keyspace-events", "KEA"}}) == "OK");
  CHECK(value(config, "notify-keyspace-events") == "AKE");
  uint32_t bits = config.settings().notify_events;
  CHECK((bits & (kNotifyKeyspace | kNotifyKeyevent | kNotifyExpired | kNotifyHash)) ==
        (kNotifyKeyspace | kNotifyKeyevent | kNotifyExpired | kNotifyHash));
  CHECK((bits & (kNotifyKeyMiss | kNotifyNew)) == 0);
  CHECK(set(&config, {{"notify-keyspace-events", "Kmx"}}) == "OK");
  CHECK(value(config, "notify-keyspace-events") == "xKm");
  CHECK(set(&config, {{"notify-keyspace-events", ""}}) == "OK");
  CHECK(config.settings().notify_events == 0u);
}

TEST_CASE("SET: all or none") {
  Config config;
  REQUIRE(load(&config, {}).ok());
  CHECK(set(&config, {{"timeout", "7"}, {"maxclients", "x"}}) != "OK");
  CHECK(value(config, "timeout") == "0");
  CHECK(set(&config, {{"timeout", "7"}, {"nosuch", "x"}}) != "OK");
  CHECK(value(config, "timeout") == "0");
}

TEST_CASE("SET: listeners hear of changes only, and one that fails undoes everything") {
  Config config;
  REQUIRE(load(&config, {}).ok());
  int timeout_calls = 0;
  config.on_change("timeout", [&] {
    ++timeout_calls;
    return engine::Status();
  });
  config.on_change("maxclients", [&] {
    return config.settings().max_clients > 20000
               ? engine::Status(engine::StatusCode::kInvalid, "too many for the system")
               : engine::Status();
  });
  CHECK(set(&config, {{"timeout", "0"}}) == "OK");
  CHECK(timeout_calls == 0);
  CHECK(set(&config, {{"timeout", "9"}}) == "OK");
  CHECK(timeout_calls == 1);
  CHECK(set(&config, {{"timeout", "10"}, {"maxclients", "30000"}}) ==
        failed("maxclients", "too many for the system"));
  CHECK(timeout_calls == 3);
  CHECK(config.settings().timeout_seconds == 9);
  CHECK(config.settings().max_clients == 10000);
}

TEST_CASE("a setting that names a file is applied again though its value stays") {
  Config config;
  REQUIRE(load(&config, {}).ok());
  int calls = 0;
  config.on_change("tls-cert-file", [&] { return ++calls, engine::Status(); });
  CHECK(set(&config, {{"tls-cert-file", "a.pem"}}) == "OK");
  CHECK(set(&config, {{"tls-cert-file", "a.pem"}}) == "OK");
  CHECK(calls == 2);
  config.on_change("tls-ca-cert-file", [&] {
    return calls > 2 ? engine::Status(engine::StatusCode::kInvalid, "no") : engine::Status();
  });
  CHECK(set(&config, {{"tls-cert-file", "b.pem"}, {"tls-ca-cert-file", ""}}) ==
        failed("tls-ca-cert-file", "no"));
  CHECK(config.settings().tls_certificate_file.get() == "a.pem");
}

TEST_CASE("REWRITE keeps comments and order, replaces what changed, appends the rest once") {
  TemporaryDirectory directory;
  std::string file =
      directory.write("s.conf",
                      "# hello\nport 7350\nsave 3600 1\nsave 60 5\n\n# mem\nmaxmemory 100mb\n"
                      "client-output-buffer-limit normal 1mb 0 0\nhash-max-ziplist-entries 7\ntimeout 3\n");
  Config config;
  REQUIRE(load(&config, {file, "--dir", "/tmp/x y"}).ok());
  CHECK(set(&config, {{"save", "100 1 200 2 300 3"},
                      {"maxclients", "50"},
                      {"requirepass", "a \"b\""},
                      {"timeout", "4"}}) == "OK");
  std::string expected =
      "# hello\nport 7350\nsave 100 1\nsave 200 2\nsave 300 3\n\n# mem\nmaxmemory 100mb\n"
      "client-output-buffer-limit normal 1mb 0 0\nclient-output-buffer-limit replica 256mb 64mb 60\n"
      "client-output-buffer-limit pubsub 32mb 8mb 60\nhash-max-ziplist-entries 7\ntimeout 4\n"
      "\n# Generated by CONFIG REWRITE\nmaxclients 50\nrequirepass \"a \\\"b\\\"\"\ndir \"/tmp/x y\"\n";
  REQUIRE(config.rewrite().ok());
  CHECK(directory.read("s.conf") == expected);
  REQUIRE(config.rewrite().ok());
  CHECK(directory.read("s.conf") == expected);

  Config again;
  REQUIRE(load(&again, {file}).ok());
  const std::string_view all[] = {"*"};
  CHECK(again.get(all) == config.get(all));
}

TEST_CASE("REWRITE: what is in force wins over an included file, the default too") {
  TemporaryDirectory directory;
  const std::string included = directory.write("i.conf", "timeout 5\nhz 20\n");
  const std::string file = directory.write("s.conf", "timeout 3\ninclude " + included + "\n");
  Config config;
  REQUIRE(load(&config, {file}).ok());
  CHECK(config.settings().timeout_seconds == 5);
  CHECK(set(&config, {{"timeout", "0"}}) == "OK");
  REQUIRE(config.rewrite().ok());
  Config again;
  REQUIRE(load(&again, {file}).ok());
  CHECK(again.settings().timeout_seconds == 0);
  CHECK(value(again, "hz") == "20");
  CHECK(directory.read("i.conf") == "timeout 5\nhz 20\n");
}

TEST_CASE("REWRITE without a file, or of one that is gone") {
  Config config;
  REQUIRE(load(&config, {"--port", "7000"}).ok());
  CHECK(config.rewrite().message() == "ERR The server is running without a config file");

  TemporaryDirectory directory;
  std::string file = directory.write("s.conf", "port 7000\n");
  Config lost;
  REQUIRE(load(&lost, {file}).ok());
  REQUIRE(std::filesystem::remove(file));
  CHECK(lost.rewrite().message().starts_with("ERR Rewriting config file: "));
}

TEST_CASE("threads set, get and read at the same time") {
  Config config;
  REQUIRE(load(&config, {}).ok());
  std::atomic<bool> stop = false;
  std::atomic<int> torn = 0;
  std::thread reader([&] {
    while (!stop) {
      std::string password = config.settings().password.get();
      if (!password.empty() && password != std::string(password.size(), password[0])) ++torn;
      const std::string_view patterns[] = {"requirepass"};
      if (config.get(patterns).size() != 1) ++torn;
    }
  });
  std::thread setter([&] {
    for (int i = 0; i < 500; ++i)
      set(&config, {{"requirepass", std::string(1 + i % 100, 'b')}, {"timeout", "1"}});
  });
  for (int i = 0; i < 500; ++i)
    set(&config, {{"requirepass", std::string(1 + i % 100, 'a')}, {"timeout", "2"}});
  setter.join();
  stop = true;
  reader.join();
  CHECK(torn == 0);
  CHECK((value(config, "timeout") == "1" || value(config, "timeout") == "2"));
}

TEST_CASE("arguments that ask for no server") {
  const std::string version[] = {"--version"};
  CHECK(answer_without_server(version)->starts_with("Starling server v="));
  const std::string help[] = {"-h"};
  CHECK(answer_without_server(help)->starts_with("Usage:"));
  const std::string port[] = {"--port", "7000"};
  CHECK_FALSE(answer_without_server(port));
  CHECK_FALSE(answer_without_server({}));
}

}  // namespace
}  // namespace starling::server
