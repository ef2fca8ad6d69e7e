#include "integration/server_process.h"

#include <arpa/inet.h>
#include <doctest/doctest.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>

namespace starling::integration {
namespace {

constexpr std::chrono::seconds kPatience{60};

int free_port() {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof address;
  REQUIRE(::bind(fd, reinterpret_cast<sockaddr*>(&address), length) == 0);
  REQUIRE(::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &length) == 0);
  ::close(fd);
  return ntohs(address.sin_port);
}

}  // namespace

ServerProcess::ServerProcess(std::vector<std::string> options)
    : options_(std::move(options)), port_(free_port()) {
  char pattern[] = "/tmp/starling-integration-XXXXXX";
  REQUIRE(::mkdtemp(pattern) != nullptr);
  directory_ = pattern;
  start();
}

ServerProcess::~ServerProcess() {
  if (process_id_ > 0) {
    ::kill(process_id_, SIGKILL);
    wait_for_exit();
  }
  std::error_code ignored;
  std::filesystem::remove_all(directory_, ignored);
}

void ServerProcess::start() {
  const char* binary = std::getenv("STARLING_SERVER");
  REQUIRE_MESSAGE(binary != nullptr, "set STARLING_SERVER to the server's binary");
  std::vector<std::string> arguments = {binary,  "--port",  std::to_string(port_), "--bind", "127.0.0.1",
                                        "--dir", directory_};
  arguments.insert(arguments.end(), options_.begin(), options_.end());
  process_id_ = ::fork();
  REQUIRE(process_id_ >= 0);
  if (process_id_ == 0) {
    const int log = ::open((directory_ + "/server.log").c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
    ::dup2(log, STDOUT_FILENO);
    ::dup2(log, STDERR_FILENO);
    std::vector<char*> pointers;
    for (std::string& argument : arguments) pointers.push_back(argument.data());
    pointers.push_back(nullptr);
    ::execv(binary, pointers.data());
    ::_exit(127);
  }
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  while (std::chrono::steady_clock::now() < deadline) {
    const Connection connection(redisConnect("127.0.0.1", port_));
    const bool connected = connection != nullptr && connection->err == 0;
    const std::string answer = connected ? ask(connection, {"PING"}) : "closed";
    // It may want a password.
    if (answer != "closed" && !answer.starts_with("-LOADING")) return;
    REQUIRE_MESSAGE(::waitpid(process_id_, nullptr, WNOHANG) == 0, "the server did not start: " << log());
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  FAIL("the server did not answer: " << log());
}

Connection ServerProcess::connect() const {
  Connection connection(redisConnect("127.0.0.1", port_));
  REQUIRE(connection != nullptr);
  REQUIRE_MESSAGE(connection->err == 0, connection->errstr);
  timeval patience{};
  patience.tv_sec = kPatience.count();
  redisSetTimeout(connection.get(), patience);
  return connection;
}

int ServerProcess::wait_for_exit() {
  int status = 0;
  ::waitpid(process_id_, &status, 0);
  process_id_ = -1;
  return status;
}

int ServerProcess::terminate() {
  ::kill(process_id_, SIGTERM);
  return wait_for_exit();
}

void ServerProcess::kill_and_restart() {
  ::kill(process_id_, SIGKILL);
  wait_for_exit();
  start();
}

std::string ServerProcess::log() const {
  std::ifstream file(directory_ + "/server.log");
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

std::string text_of(const redisReply* reply) {
  if (reply == nullptr) return "closed";
  switch (reply->type) {
    case REDIS_REPLY_ERROR:
      return "-" + std::string(reply->str, reply->len);
    case REDIS_REPLY_INTEGER:
      return ":" + std::to_string(reply->integer);
    case REDIS_REPLY_NIL:
      return "nil";
    case REDIS_REPLY_ARRAY: {
      std::string text = "[";
      for (size_t i = 0; i < reply->elements; ++i) text += (i ? ", " : "") + text_of(reply->element[i]);
      return text + "]";
    }
    default:
      return {reply->str, reply->len};
  }
}

std::string ask(const Connection& connection, std::vector<std::string> arguments) {
  std::vector<const char*> pointers;
  std::vector<size_t> sizes;
  for (const std::string& argument : arguments) {
    pointers.push_back(argument.data());
    sizes.push_back(argument.size());
  }
  auto* reply = static_cast<redisReply*>(
      redisCommandArgv(connection.get(), static_cast<int>(arguments.size()), pointers.data(), sizes.data()));
  const std::string text = text_of(reply);
  freeReplyObject(reply);
  return text;
}

void send_raw(const Connection& connection, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = ::send(connection->fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    REQUIRE(sent > 0);
    bytes.remove_prefix(static_cast<size_t>(sent));
  }
}

std::string next_reply(const Connection& connection) {
  void* reply = nullptr;
  if (redisGetReply(connection.get(), &reply) != REDIS_OK) return "closed";
  const std::string text = text_of(static_cast<redisReply*>(reply));
  freeReplyObject(reply);
  return text;
}

}  // namespace starling::integration
