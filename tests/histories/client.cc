#include "histories/client.h"

#include <poll.h>

#include <chrono>
#include <thread>

namespace starling::histories {
namespace {

// How long a client waits for a node that is stopped or dead.
constexpr Time kHangs = 3 * kSecond;
constexpr int kSliceMs = 50;

Reply reply_of(const redisReply& from) {
  Reply reply;
  switch (from.type) {
    case REDIS_REPLY_INTEGER:
      reply.type = Reply::Type::kInteger;
      reply.integer = from.integer;
      break;
    case REDIS_REPLY_NIL:
      reply.type = Reply::Type::kNil;
      break;
    case REDIS_REPLY_ARRAY:
      reply.type = Reply::Type::kArray;
      for (size_t i = 0; i < from.elements; ++i) reply.elements.push_back(reply_of(*from.element[i]));
      break;
    case REDIS_REPLY_ERROR:
      reply.type = Reply::Type::kError;
      reply.text.assign(from.str, from.len);
      break;
    default:
      reply.type = Reply::Type::kText;
      reply.text.assign(from.str, from.len);
  }
  return reply;
}

std::string shown(const Reply& reply) {
  switch (reply.type) {
    case Reply::Type::kNone:
      return "no answer";
    case Reply::Type::kNil:
      return "nil";
    case Reply::Type::kInteger:
      return std::to_string(reply.integer);
    case Reply::Type::kError:
      return "error: " + reply.text;
    case Reply::Type::kText:
      return "\"" + reply.text + "\"";
    case Reply::Type::kArray:
      break;
  }
  std::string out = "[";
  for (const Reply& element : reply.elements) out += (out.size() > 1 ? ", " : "") + shown(element);
  return out + "]";
}

Outcome outcome_of(const Reply& reply) {
  if (!reply.is(Reply::Type::kError)) return Outcome::kDone;
  for (const char* start : {"CLUSTERDOWN", "WRONGTYPE", "EXECABORT", "DENIED", "LOADING"}) {
    if (reply.text.starts_with(start)) return Outcome::kRefused;
  }
  return reply.text.find("nothing was done") != std::string::npos ? Outcome::kRefused : Outcome::kUnknown;
}

std::string shown(const Words& words) {
  std::string out;
  for (const std::string& word : words) {
    out += (out.empty() ? "" : " ") + (word.empty()       ? "\"\""
                                       : word.size() > 40 ? word.substr(0, 12) + "..."
                                                          : word);
  }
  return out;
}

}  // namespace

Time now() {
  static const auto began = std::chrono::steady_clock::now();
  return std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::steady_clock::now() - began)
      .count();
}

std::optional<std::string> Reply::value() const {
  if (type == Type::kText) return text;
  if (type == Type::kInteger) return std::to_string(integer);
  return std::nullopt;
}

Client::Client(Cluster& cluster, int number, uint64_t seed, Time patience)
    : cluster_(cluster),
      number_(number),
      patience_(patience),
      random_(seed),
      connections_(static_cast<size_t>(cluster.size())) {}

redisContext* Client::connection(int node) {
  auto& connection = connections_[static_cast<size_t>(node)];
  if (connection != nullptr) return connection.get();
  if (!cluster_.node(node).running()) return nullptr;
  connection.reset(redisConnectWithTimeout(Network::host(node).c_str(), kPort, timeval{2, 0}));
  if (connection != nullptr && connection->err != 0) connection.reset();
  return connection.get();
}

bool Client::read(int node, Answer* answer) {
  redisContext* context = connections_[static_cast<size_t>(node)].get();
  Time hung = 0, last = now();
  while (true) {
    void* raw = nullptr;
    if (redisGetReplyFromReader(context, &raw) != REDIS_OK) return false;
    if (raw != nullptr) {
      answer->reply = reply_of(*static_cast<redisReply*>(raw));
      freeReplyObject(raw);
      answer->ended = now();
      return true;
    }
    pollfd wait{context->fd, POLLIN, 0};
    const int ready = ::poll(&wait, 1, kSliceMs);
    const Time at = now();
    (cluster_.node(node).running() ? answer->waited : hung) += at - last;
    last = at;
    if (ready > 0 && redisBufferRead(context) != REDIS_OK) return false;
    if (ready == 0 && (hung > kHangs || answer->waited > patience_)) return false;
  }
}

Answer Client::call(int node, const Words& words) {
  return pipeline(node, {words}).front();
}

std::vector<Answer> Client::pipeline(int node, const std::vector<Words>& commands) {
  std::vector<Answer> answers(commands.size());
  redisContext* context = connection(node);
  bool broken = context == nullptr;
  const Time began = now();
  for (const Words& words : commands) {
    if (broken) break;
    std::vector<const char*> pointers;
    std::vector<size_t> sizes;
    for (const std::string& word : words) pointers.push_back(word.data()), sizes.push_back(word.size());
    redisAppendCommandArgv(context, static_cast<int>(words.size()), pointers.data(), sizes.data());
  }
  for (int written = 0; !broken && !written;) broken = redisBufferWrite(context, &written) != REDIS_OK;
  for (size_t i = 0; i < commands.size(); ++i) {
    Answer& answer = answers[i];
    answer.node = node;
    answer.began = began;
    if (context == nullptr) {
      // Nothing was sent.
      answer.outcome = Outcome::kRefused;
      answer.ended = now();
    } else {
      broken = broken || !read(node, &answer);
      answer.outcome = broken ? Outcome::kLost : outcome_of(answer.reply);
    }
    answer.text = shown(commands[i]) + " -> " + (context == nullptr ? "no connection" : shown(answer.reply));
  }
  if (broken) connections_[static_cast<size_t>(node)].reset();
  if (context == nullptr) pause(5'000, 20'000);
  return answers;
}

Answer Client::insist(int node, const Words& words, Time deadline) {
  while (true) {
    Answer answer = call(node, words);
    if (answer.done() || now() > deadline) return answer;
    pause(100'000, 200'000);
  }
}

void Client::note(Operation operation, const Answer& answer) {
  operation.outcome = answer.outcome;
  operation.client = number_;
  operation.node = answer.node;
  operation.began = answer.began;
  operation.ended = answer.outcome == Outcome::kLost ? kNever : answer.ended;
  operation.waited = answer.waited;
  operation.text = answer.text;
  history.push_back(std::move(operation));
}

void Client::pause(Time least, Time most) {
  std::this_thread::sleep_for(
      std::chrono::microseconds(least + static_cast<Time>(below(static_cast<uint64_t>(most - least + 1)))));
}

}  // namespace starling::histories
