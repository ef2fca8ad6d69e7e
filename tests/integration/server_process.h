// A real starling-server for one test: on a free port, with a directory of its own, gone when the object is.
#pragma once

#include <hiredis/hiredis.h>
#include <sys/types.h>

#include <memory>
#include <string>
#include <vector>

namespace starling::integration {

struct ContextDeleter {
  void operator()(redisContext* context) const { redisFree(context); }
};
using Connection = std::unique_ptr<redisContext, ContextDeleter>;

class ServerProcess {
 public:
  // Starts the binary named by the environment's STARLING_SERVER with `options` ("--name", "value", …) and
  // waits until it answers. Fails the test when it does not.
  explicit ServerProcess(std::vector<std::string> options = {});
  ~ServerProcess();  // Kills it and removes its directory.
  ServerProcess(const ServerProcess&) = delete;
  ServerProcess& operator=(const ServerProcess&) = delete;

  int port() const { return port_; }
  pid_t process_id() const { return process_id_; }
  const std::string& directory() const { return directory_; }

  // Fails the test when it cannot connect.
  Connection connect() const;
  // Sends SIGTERM and returns the exit status as waitpid() gives it.
  int terminate();
  // SIGKILL, then the same command line on the same directory.
  void kill_and_restart();
  // After terminate().
  void start();
  // What the server wrote to its log so far.
  std::string log() const;

 private:
  int wait_for_exit();

  std::vector<std::string> options_;
  std::string directory_;
  int port_ = 0;
  pid_t process_id_ = -1;
};

// A reply as text, in the form redis-cli --no-raw would give on one line: "OK", (error) as "-ERR …", integers
// as ":1", nil as "nil", arrays as "[a, b]".
std::string text_of(const redisReply* reply);
// Sends one command and returns text_of() the reply; "closed" when the connection broke.
std::string ask(const Connection& connection, std::vector<std::string> arguments);
// Sends bytes as they are.
void send_raw(const Connection& connection, std::string_view bytes);
// Reads the next reply.
std::string next_reply(const Connection& connection);

}  // namespace starling::integration
