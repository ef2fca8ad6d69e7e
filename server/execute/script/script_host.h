// What a running script may ask of the node. The interpreter's only way out of itself.
#pragma once

#include <span>
#include <string_view>

#include "resp/reply_writer.h"

namespace starling::server {

class ScriptHost {
 public:
  enum class Went {
    kOn,       // The reply is there, an error perhaps.
    kRefused,  // It did not run: the reply is the error that says why, and nobody has counted it.
    kStop,     // The script must not go on: nothing more of it counts, and no reply is wanted of it.
  };

  virtual ~ScriptHost() = default;
  // redis.call() and redis.pcall(): one command, whose reply goes to `reply`. Views are good for the call.
  virtual Went call(std::span<std::string_view> arguments, resp::ReplyWriter& reply) = 0;
  // Asked each few thousand instructions.
  virtual Went look() = 0;
  // After kStop: the error that the client is answered with. Empty: it is answered nothing.
  virtual std::string_view why() const = 0;
  // redis.log(): level 0 (debug) to 3 (warning).
  virtual void log(int level, std::string_view text) = 0;
  // redis.acl_check_cmd(): whether the user whose script it is may call that.
  enum class May { kUnknown, kNo, kYes };  // kUnknown: there is no such command.
  virtual May may_call(std::span<const std::string_view> arguments) = 0;
};

}  // namespace starling::server
