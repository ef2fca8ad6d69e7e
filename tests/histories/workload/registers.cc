// Registers: strings, fields of hashes, members of sets, all written, read and deleted through any node.
#include "histories/workload/workload.h"

namespace starling::histories {
namespace {

constexpr uint64_t kKeys = 12;
// Of each key that is a collection.
constexpr uint64_t kElements = 6;

class Registers : public Workload {
 public:
  explicit Registers(const std::string& name)
      : Workload(name), fields_(name == "fields"), members_(name == "members") {}

  void step(Client& client) override {
    const std::string register_name = draw(client);
    const uint64_t dice = client.below(100);
    if (dice < 45) return read(client, register_name, client.any_node());
    write(client, register_name, client.any_node(), dice < 85);
    // Often followed by a look through another node.
    if (client.chance(50)) read(client, register_name, client.any_node());
  }

  void finish(Client& client, Time deadline) override {
    for (uint64_t i = 0; i < kKeys * (fields_ || members_ ? kElements : 1); ++i) {
      const std::string register_name = numbered(i);
      for (int node = 0; node < client.nodes(); ++node) {
        Answer answer = client.insist(node, reading(register_name), deadline);
        if (!answer.done()) client.complain("cannot be read when all is healed: " + answer.text);
        note_read(client, register_name, answer);
      }
      const std::string value = members_ ? "1" : client.fresh();
      Answer answer = client.insist(client.any_node(), writing(register_name, value), deadline);
      if (!answer.done()) client.complain("cannot be written when all is healed: " + answer.text);
    }
  }

  Violations check(const History& history) const override { return check_registers(history); }

 private:
  std::string numbered(uint64_t i) const {
    return fields_ || members_ ? key(i / kElements) + "/" + std::to_string(i % kElements) : key(i);
  }
  std::string draw(Client& client) const {
    return numbered(client.below(kKeys * (fields_ || members_ ? kElements : 1)));
  }

  // "registers:1", or "fields:1/2".
  static std::pair<std::string, std::string> parts(const std::string& register_name) {
    const size_t slash = register_name.find('/');
    if (slash == std::string::npos) return {register_name, ""};
    return {register_name.substr(0, slash), register_name.substr(slash + 1)};
  }

  Words reading(const std::string& register_name) const {
    const auto [key, element] = parts(register_name);
    if (fields_) return {"HGET", key, element};
    if (members_) return {"SISMEMBER", key, element};
    return {"GET", key};
  }

  Words writing(const std::string& register_name, const std::optional<std::string>& value) const {
    const auto [key, element] = parts(register_name);
    if (fields_) return value ? Words{"HSET", key, element, *value} : Words{"HDEL", key, element};
    if (members_) return {value ? "SADD" : "SREM", key, element};
    return value ? Words{"SET", key, *value} : Words{"DEL", key};
  }

  void read(Client& client, const std::string& register_name, int node) {
    note_read(client, register_name, client.call(node, reading(register_name)));
  }

  void note_read(Client& client, const std::string& register_name, const Answer& answer) {
    Operation operation;
    operation.kind = Kind::kRead;
    operation.key = register_name;
    operation.returned = answer.reply.value();
    if (members_ && operation.returned == "0") operation.returned.reset();
    client.note(std::move(operation), answer);
  }

  void write(Client& client, const std::string& register_name, int node, bool puts) {
    Operation operation;
    operation.kind = Kind::kWrite;
    operation.key = register_name;
    if (puts) operation.put = members_ ? "1" : client.fresh();
    const Answer answer = client.call(node, writing(register_name, operation.put));
    // What found everything as it was to be has read, and written nothing.
    if (answer.done() && answer.reply.is(Reply::Type::kInteger) && answer.reply.integer == 0 &&
        (!puts || members_)) {
      operation.kind = Kind::kRead;
      operation.returned = std::move(operation.put);
      operation.put.reset();
    }
    client.note(std::move(operation), answer);
  }

  const bool fields_, members_;
};

}  // namespace

std::unique_ptr<Workload> make_registers(const std::string& name) {
  return std::make_unique<Registers>(name);
}

}  // namespace starling::histories
