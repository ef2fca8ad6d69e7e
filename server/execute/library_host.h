// What a library of functions may ask of the node while its program runs: nothing but to log, and not for long.
#pragma once

#include <string>
#include <string_view>

#include "server/execute/script/script_host.h"

namespace starling::server {

class Server;

class LibraryHost final : public ScriptHost {
 public:
  explicit LibraryHost(Server& server);

 private:
  Went call(std::span<std::string_view> arguments, resp::ReplyWriter& reply) override;
  Went look() override;
  std::string_view why() const override { return why_; }
  void log(int level, std::string_view text) override;
  May may_call(std::span<const std::string_view>) override { return May::kUnknown; }

  Server& server_;
  const int64_t until_us_;
  std::string_view why_;
};

}  // namespace starling::server
