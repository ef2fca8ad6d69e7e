// hiredis against a running server: hiredis_test PORT SOCKET. Prints a line per check; exit status 1 if any
// failed.
#include <hiredis/hiredis.h>

#include <cstdio>
#include <cstdlib>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

namespace {

struct FreeReply {
  void operator()(redisReply* reply) const { freeReplyObject(reply); }
};
using Reply = std::unique_ptr<redisReply, FreeReply>;

struct FreeContext {
  void operator()(redisContext* context) const { redisFree(context); }
};
using Context = std::unique_ptr<redisContext, FreeContext>;

int port;
const char* socket_path;
int passed = 0;
int failed = 0;
bool current_fine = true;

void expect(bool condition, const char* text, int line) {
  if (condition) return;
  current_fine = false;
  std::printf("      line %d: %s is false\n", line, text);
}
#define EXPECT(condition) expect((condition), #condition, __LINE__)

void run(const char* name, const std::function<void()>& check) {
  current_fine = true;
  check();
  (current_fine ? passed : failed)++;
  std::printf("%s  %s\n", current_fine ? "ok  " : "FAIL", name);
  std::fflush(stdout);
}

Context connect() {
  Context context(redisConnect("127.0.0.1", port));
  if (!context || context->err) {
    std::printf("no connection: %s\n", context ? context->errstr : "out of memory");
    std::exit(1);
  }
  timeval patience{30, 0};
  redisSetTimeout(context.get(), patience);
  return context;
}

// Never null: a lost connection ends the program, with the error.
Reply checked(redisContext* context, void* reply) {
  if (reply == nullptr) {
    std::printf("lost: %s\n", context->errstr);
    std::exit(1);
  }
  return Reply(static_cast<redisReply*>(reply));
}

template <typename... Arguments>
Reply command(const Context& context, const char* format, Arguments... arguments) {
  return checked(context.get(), redisCommand(context.get(), format, arguments...));
}

Reply next(const Context& context) {
  void* reply = nullptr;
  redisGetReply(context.get(), &reply);
  return checked(context.get(), reply);
}

std::string text(const Reply& reply) {
  return reply->str ? std::string(reply->str, reply->len) : std::string();
}

void strings() {
  Context context = connect();
  EXPECT(text(command(context, "FLUSHALL")) == "OK");
  EXPECT(command(context, "SET %s %s", "key", "value")->type == REDIS_REPLY_STATUS);
  EXPECT(text(command(context, "GET key")) == "value");
  EXPECT(command(context, "GET absent")->type == REDIS_REPLY_NIL);
  const std::string binary("\0\r\n\xff", 4);
  command(context, "SET %b %b", binary.data(), binary.size(), binary.data(), binary.size());
  EXPECT(text(command(context, "GET %b", binary.data(), binary.size())) == binary);
  EXPECT(command(context, "INCRBY count %lld", 9223372036854775806LL)->integer == 9223372036854775806LL);
  EXPECT(command(context, "INCR count")->integer == 9223372036854775807LL);
  Reply overflow = command(context, "INCR count");
  EXPECT(overflow->type == REDIS_REPLY_ERROR);
  EXPECT(text(overflow) == "ERR increment or decrement would overflow");
  EXPECT(text(command(context, "HGET key f")) ==
         "WRONGTYPE Operation against a key holding the wrong kind of value");
}

void hashes_and_sets() {
  Context context = connect();
  command(context, "FLUSHALL");
  EXPECT(command(context, "HSET h a 1 b 2")->integer == 2);
  Reply all = command(context, "HGETALL h");
  EXPECT(all->type == REDIS_REPLY_ARRAY);
  std::map<std::string, std::string> fields;
  for (size_t i = 0; i + 1 < all->elements; i += 2) fields[all->element[i]->str] = all->element[i + 1]->str;
  EXPECT((fields == std::map<std::string, std::string>{{"a", "1"}, {"b", "2"}}));
  EXPECT(command(context, "SADD s x y z")->integer == 3);
  Reply members = command(context, "SMEMBERS s");
  std::set<std::string> found;
  for (size_t i = 0; i < members->elements; ++i) found.insert(members->element[i]->str);
  EXPECT((found == std::set<std::string>{"x", "y", "z"}));
  EXPECT(command(context, "SREM s x q")->integer == 1);
}

void pipeline() {
  Context context = connect();
  constexpr int kCommands = 100000;
  for (int i = 0; i < kCommands; ++i) redisAppendCommand(context.get(), "SET pipe:%d %d", i, i);
  redisAppendCommand(context.get(), "GET pipe:%d", kCommands - 1);
  bool all_fine = true;
  for (int i = 0; i < kCommands; ++i) all_fine = all_fine && text(next(context)) == "OK";
  EXPECT(all_fine);
  EXPECT(text(next(context)) == std::to_string(kCommands - 1));
}

void transaction() {
  Context context = connect();
  Context other = connect();
  command(context, "FLUSHALL");
  command(context, "WATCH key");
  command(other, "SET key changed");
  command(context, "MULTI");
  EXPECT(text(command(context, "SET key mine")) == "QUEUED");
  EXPECT(command(context, "EXEC")->type == REDIS_REPLY_NIL);
  EXPECT(text(command(context, "GET key")) == "changed");
  command(context, "MULTI");
  command(context, "INCR number");
  command(context, "INCR key");
  Reply replies = command(context, "EXEC");
  EXPECT(replies->elements == 2);
  EXPECT(replies->element[0]->integer == 1);
  EXPECT(replies->element[1]->type == REDIS_REPLY_ERROR);
}

int64_t subscribe_and_receive(const Context& reader, const Context& writer, std::string* message) {
  command(reader, "SUBSCRIBE news");
  const int64_t receivers = command(writer, "PUBLISH news hello")->integer;
  Reply pushed = next(reader);
  if (pushed->elements == 3) *message = std::string(pushed->element[0]->str) + " " + pushed->element[2]->str;
  return receivers;
}

void publish() {
  Context reader = connect();
  Context writer = connect();
  std::string message;
  EXPECT(subscribe_and_receive(reader, writer, &message) == 1);
  EXPECT(message == "message hello");
}

#ifdef REDIS_REPLY_MAP  // hiredis 1.0 and later; Debian 12 has 0.14, which speaks RESP2 only.
void resp3() {
  Context context = connect();
  command(context, "FLUSHALL");
  EXPECT(command(context, "HELLO 3")->type == REDIS_REPLY_MAP);
  command(context, "HSET h a 1");
  Reply map = command(context, "HGETALL h");
  EXPECT(map->type == REDIS_REPLY_MAP);
  EXPECT(map->elements == 2);
  command(context, "SADD s a");
  EXPECT(command(context, "SMEMBERS s")->type == REDIS_REPLY_SET);
  EXPECT(command(context, "GET absent")->type == REDIS_REPLY_NIL);
  EXPECT(command(context, "INFO server")->type == REDIS_REPLY_VERB);
}
#else
void resp3() {
  std::printf("      this hiredis speaks RESP2 only\n");
}
#endif

void scan() {
  Context context = connect();
  command(context, "FLUSHALL");
  for (int i = 0; i < 1000; ++i) redisAppendCommand(context.get(), "SADD set:%d x", i);
  for (int i = 0; i < 1000; ++i) next(context);
  std::set<std::string> found;
  std::string cursor = "0";
  do {
    Reply reply = command(context, "SCAN %s MATCH set:* COUNT 30", cursor.c_str());
    cursor = reply->element[0]->str;
    for (size_t i = 0; i < reply->element[1]->elements; ++i) found.insert(reply->element[1]->element[i]->str);
  } while (cursor != "0");
  EXPECT(found.size() == 1000);
}

void large_values() {
  Context context = connect();
  const std::string value(20'000'000, 'v');
  EXPECT(text(command(context, "SET large %b", value.data(), value.size())) == "OK");
  EXPECT(text(command(context, "GET large")) == value);
  command(context, "DEL large");
}

void unix_socket() {
  Context context(redisConnectUnix(socket_path));
  EXPECT(context && context->err == 0);
  EXPECT(text(command(context, "PING")) == "PONG");
}

}  // namespace

int main(int, char** arguments) {
  port = std::atoi(arguments[1]);
  socket_path = arguments[2];
  run("strings", strings);
  run("hashes and sets", hashes_and_sets);
  run("pipeline of 100,000", pipeline);
  run("transactions", transaction);
  run("pub/sub", publish);
  run("RESP3", resp3);
  run("SCAN", scan);
  run("a value of 20 MB", large_values);
  run("Unix socket", unix_socket);
  std::printf("%d passed, %d failed\n", passed, failed);
  return failed == 0 ? 0 : 1;
}
