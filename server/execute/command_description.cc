#include "server/execute/command_description.h"

#include <algorithm>
#include <bit>
#include <string>

namespace starling::server {
namespace {

constexpr int kWordBits = 32;

// The names of the bits that have one, as a set.
void write_names(uint32_t bits, std::string_view (*name_of)(int), std::string_view prefix,
                 resp::ReplyWriter& reply) {
  size_t count = 0;
  for (int bit = 0; bit < kWordBits; ++bit) {
    if ((bits >> bit & 1) != 0 && !name_of(bit).empty()) ++count;
  }
  reply.set(count);
  for (int bit = 0; bit < kWordBits; ++bit) {
    if ((bits >> bit & 1) != 0 && !name_of(bit).empty()) {
      reply.simple_string(std::string(prefix).append(name_of(bit)));
    }
  }
}

void write_number(std::string_view name, int value, resp::ReplyWriter& reply) {
  reply.bulk(name);
  reply.integer(value);
}

void write_text(std::string_view name, std::string_view value, resp::ReplyWriter& reply) {
  reply.bulk(name);
  reply.bulk(value);
}

// The rest of a specification that says no more than what the keys are used for: of one behind a keyword that may stand
// anywhere (from 0 on), as Redis tells of SORT's.
void write_unknown_place(resp::ReplyWriter& reply) {
  reply.bulk("unknown");
  reply.bulk("spec");
  reply.map(0);
  reply.bulk("find_keys");
  reply.map(2);
  reply.bulk("type");
  reply.bulk("unknown");
  reply.bulk("spec");
  reply.map(0);
}

void write_specification(const KeySpecification& specification, resp::ReplyWriter& reply) {
  reply.map(3);
  reply.bulk("flags");
  write_key_use(specification.use, reply);
  reply.bulk("begin_search");
  reply.map(2);
  reply.bulk("type");
  const bool by_keyword = !specification.keyword.empty();
  if (by_keyword && specification.first == 0) return write_unknown_place(reply);
  reply.bulk(by_keyword ? "keyword" : "index");
  reply.bulk("spec");
  reply.map(by_keyword ? 2 : 1);
  if (by_keyword) write_text("keyword", specification.keyword, reply);
  write_number(by_keyword ? "startfrom" : "index", specification.first, reply);
  reply.bulk("find_keys");
  reply.map(2);
  reply.bulk("type");
  reply.bulk(specification.counted ? "keynum" : "range");
  reply.bulk("spec");
  reply.map(3);
  if (specification.counted) {
    write_number("keynumidx", 0, reply);
    write_number("firstkey", 1, reply);
    write_number("keystep", specification.step, reply);
  } else {
    write_number("lastkey", specification.last, reply);
    write_number("keystep", specification.step, reply);
    write_number("limit", specification.halves ? 2 : 0, reply);
  }
}

size_t tip_count(const Documentation& docs) {
  return static_cast<size_t>(std::find(docs.tips.begin(), docs.tips.end(), std::string_view()) -
                             docs.tips.begin());
}

void write_document_flag(std::string_view flag, resp::ReplyWriter& reply) {
  reply.bulk("doc_flags");
  reply.set(1);
  reply.simple_string(flag);
}

void write_history(std::span<const CommandChange> history, resp::ReplyWriter& reply) {
  reply.bulk("history");
  reply.set(history.size());
  for (const CommandChange& change : history) {
    reply.array(2);
    reply.bulk(change.since);
    reply.bulk(change.what);
  }
}

// Arguments that are keys are numbered by the key specification that finds them: in their order, and those
// that are more than the specifications belong to the last.
class ArgumentWriter {
 public:
  ArgumentWriter(size_t specification_count, resp::ReplyWriter& reply)
      : specification_count_(specification_count), reply_(reply) {}

  void write(const std::vector<ArgumentDescription>& arguments) {
    reply_.array(arguments.size());
    for (const ArgumentDescription& argument : arguments) write(argument);
  }

 private:
  void write(const ArgumentDescription& argument) {
    const bool is_key = argument.type == ArgumentType::kKey && specification_count_ != 0;
    const size_t flags = size_t{argument.optional} + argument.multiple + argument.multiple_token;
    reply_.map(size_t{2} + is_key + !argument.token.empty() + !argument.since.empty() +
               !argument.deprecated_since.empty() + (flags != 0) + !argument.arguments.empty());
    write_text("name", argument.name, reply_);
    write_text("type", argument_type_name(argument.type), reply_);
    if (is_key) write_number("key_spec_index", next_specification(), reply_);
    if (!argument.token.empty()) write_text("token", argument.token, reply_);
    if (!argument.since.empty()) write_text("since", argument.since, reply_);
    if (!argument.deprecated_since.empty()) write_text("deprecated_since", argument.deprecated_since, reply_);
    if (flags != 0) {
      reply_.bulk("flags");
      reply_.set(flags);
      if (argument.optional) reply_.simple_string("optional");
      if (argument.multiple) reply_.simple_string("multiple");
      if (argument.multiple_token) reply_.simple_string("multiple_token");
    }
    if (argument.arguments.empty()) return;
    reply_.bulk("arguments");
    write(argument.arguments);
  }

  int next_specification() {
    const size_t index = std::min(keys_, specification_count_ - 1);
    ++keys_;
    return static_cast<int>(index);
  }

  const size_t specification_count_;
  size_t keys_ = 0;
  resp::ReplyWriter& reply_;
};

}  // namespace

void write_key_use(uint16_t use, resp::ReplyWriter& reply) {
  write_names(use, key_use_name, "", reply);
}

void write_command_information(const Command& command, resp::ReplyWriter& reply) {
  const CommandSpec& spec = *command.spec;
  reply.array(10);
  reply.bulk(command.full_name);
  reply.integer(spec.arity);
  write_names(spec.flags, flag_name, "", reply);
  // Positions count from the container's name, as in the request.
  const KeyRange range = key_range(spec.keys);
  reply.integer(range.first);
  reply.integer(range.last);
  reply.integer(range.step);
  write_names(spec.categories, category_name, "@", reply);
  const size_t tips = tip_count(spec.docs);
  reply.set(tips);
  for (size_t i = 0; i < tips; ++i) reply.bulk(spec.docs.tips[i]);
  reply.set(spec.keys.size());
  for (const KeySpecification& specification : spec.keys) write_specification(specification, reply);
  if (command.subcommands.empty()) return reply.set(0);
  reply.array(command.subcommands.size());
  for (const Command* subcommand : command.subcommands) write_command_information(*subcommand, reply);
}

void write_command_documentation(const Command& command, resp::ReplyWriter& reply) {
  const CommandSpec& spec = *command.spec;
  const Documentation& docs = spec.docs;
  const bool complexity = !docs.complexity.empty();
  const bool deprecated = !docs.deprecated.since.empty();
  reply.map(size_t{3} + complexity + docs.for_tests + (deprecated ? 3 : 0) + !docs.history.empty() +
            !command.arguments.empty() + !command.subcommands.empty());
  write_text("summary", spec.summary, reply);
  write_text("since", spec.since, reply);
  write_text("group", spec.group, reply);
  if (complexity) write_text("complexity", docs.complexity, reply);
  if (docs.for_tests) write_document_flag("syscmd", reply);
  if (deprecated) {
    write_document_flag("deprecated", reply);
    write_text("deprecated_since", docs.deprecated.since, reply);
    write_text("replaced_by", docs.deprecated.replaced_by, reply);
  }
  if (!docs.history.empty()) write_history(docs.history, reply);
  if (!command.arguments.empty()) {
    reply.bulk("arguments");
    ArgumentWriter(spec.keys.size(), reply).write(command.arguments);
  }
  if (command.subcommands.empty()) return;
  reply.bulk("subcommands");
  reply.map(command.subcommands.size());
  for (const Command* subcommand : command.subcommands) {
    reply.bulk(subcommand->full_name);
    write_command_documentation(*subcommand, reply);
  }
}

}  // namespace starling::server
