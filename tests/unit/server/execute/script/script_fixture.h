// An interpreter with a node that answers from a table, for the tests of scripts.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "resp/output_buffer.h"
#include "server/execute/script/interpreter.h"

namespace starling::server {

class ScriptFixture : public ScriptHost {
 public:
  static constexpr std::string_view kSha = "0123456789012345678901234567890123456789";

  explicit ScriptFixture(int64_t memory_limit = int64_t{64} << 20) { meter.set_limit(memory_limit); }

  // The reply, in RESP2 unless `protocol` says otherwise.
  std::string eval(std::string_view text, std::vector<std::string_view> keys = {},
                   std::vector<std::string_view> arguments = {}) {
    Interpreter::Function function = 0;
    if (std::string error = interpreter.compile(text, &function); !error.empty()) return "-" + error + "\r\n";
    resp::OutputBuffer output;
    resp::ReplyWriter reply(output, protocol);
    outcome = interpreter.run({function, kSha, keys, arguments}, *this, reply);
    interpreter.release(function);
    return bytes_of(output);
  }

  static std::string bytes_of(const resp::OutputBuffer& output) {
    std::vector<iovec> pieces(output.size() / 16 + 16);
    std::string bytes;
    const size_t count = output.gather(pieces.data(), pieces.size());
    for (size_t i = 0; i < count; ++i)
      bytes.append(static_cast<const char*>(pieces[i].iov_base), pieces[i].iov_len);
    return bytes;
  }

  Went call(std::span<std::string_view> arguments, resp::ReplyWriter& reply) override {
    calls.emplace_back(arguments.begin(), arguments.end());
    if (arguments[0] == "stop") return Went::kStop;
    const auto found = replies.find(std::string(arguments[0]));
    if (found == replies.end()) {
      reply.error("ERR no such command");
      return Went::kRefused;
    }
    reply.raw(found->second);
    return Went::kOn;
  }
  Went look() override { return ++looks >= most_looks ? Went::kStop : Went::kOn; }
  std::string_view why() const override { return reason; }
  void log(int level, std::string_view text) override { logged += std::to_string(level) + std::string(text); }
  May may_call(std::span<const std::string_view> arguments) override {
    return replies.count(std::string(arguments[0])) != 0 ? May::kYes : May::kUnknown;
  }

  MemoryMeter meter;
  Interpreter interpreter{meter, "7.0.15"};
  int protocol = 2;
  std::map<std::string, std::string> replies;
  std::vector<std::vector<std::string>> calls;
  int looks = 0, most_looks = 1 << 30;
  std::string reason, logged;
  Interpreter::Outcome outcome{};
};

}  // namespace starling::server
