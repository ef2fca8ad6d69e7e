// Scripts: whatever the text, the interpreter answers one whole reply, holds no more than it may, and is fit for the
// next script. The last bytes are what commands answer.
#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <string>
#include <string_view>
#include <vector>

#include "resp/reply_scanner.h"
#include "resp/reply_writer.h"
#include "server/execute/script/interpreter.h"

namespace {

using namespace starling::server;  // NOLINT: the entry point has to be global.

constexpr int64_t kMemoryBytes = 32 << 20;
constexpr int kLooks = 20;  // Of some thousand instructions each.

void check(bool holds, const char* otherwise) {
  if (holds) return;
  std::cerr << otherwise << '\n';
  std::abort();
}

class Host final : public ScriptHost {
 public:
  explicit Host(std::string_view reply) : reply_(reply) {}

  Went call(std::span<std::string_view> arguments, starling::resp::ReplyWriter& reply) override {
    if (++calls_ > 100) return Went::kStop;
    // What a ReplyWriter makes, of any type.
    switch ((arguments.size() + arguments[0].size()) % 5) {
      case 0:
        reply.bulk(reply_);
        break;
      case 1:
        reply.array(2);
        reply.bulk(reply_);
        reply.null();
        break;
      case 2:
        reply.error("ERR " + std::string(reply_));
        break;
      case 3:
        reply.map(1);
        reply.bulk(reply_);
        reply.integer(-1);
        break;
      default:
        reply.real(1.5);
    }
    return Went::kOn;
  }
  Went look() override { return ++looks_ > kLooks ? Went::kStop : Went::kOn; }
  std::string_view why() const override { return "too long"; }
  void log(int, std::string_view) override {}
  May may_call(std::span<const std::string_view>) override { return May::kYes; }

 private:
  const std::string_view reply_;
  int calls_ = 0, looks_ = 0;
};

std::string run(Interpreter& interpreter, std::string_view text, std::string_view tail) {
  Interpreter::Function function;
  if (std::string error = interpreter.compile(text, &function); !error.empty()) return "-ERR\r\n";
  starling::resp::OutputBuffer output;
  starling::resp::ReplyWriter reply(output, tail.size() % 2 == 0 ? 2 : 3);
  Host host(tail);
  const std::string_view keys[] = {tail, "key"};
  (void)interpreter.run({function, "0123456789012345678901234567890123456789", keys, keys}, host, reply);
  interpreter.release(function);
  std::vector<iovec> pieces(output.size() / 8 + 16);
  pieces.resize(output.gather(pieces.data(), pieces.size()));
  std::string bytes;
  for (const iovec& piece : pieces) bytes.append(static_cast<const char*>(piece.iov_base), piece.iov_len);
  return bytes;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  static MemoryMeter meter;
  meter.set_limit(kMemoryBytes);
  static Interpreter interpreter(meter, "7.0.15");
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const size_t tail = std::min<size_t>(size, 8);
  const std::string reply = run(interpreter, input, input.substr(size - tail));
  starling::resp::ReplyScanner scanner;
  size_t used = 0;
  check(scanner.scan(reply, &used) == starling::resp::ReplyScanner::Result::kComplete && used == reply.size(),
        "a script is not answered with one reply");
  check(meter.bytes() <= kMemoryBytes, "more memory than there may be");
  check(run(interpreter, "return string.upper('x') .. #KEYS .. cjson.encode({1})", "k") == "$5\r\nX2[1]\r\n",
        "what a script left behind changes the next");
  return 0;
}
