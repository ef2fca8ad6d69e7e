#include "server/session/monitor_feed.h"

#include <algorithm>
#include <cstdio>
#include <memory>

#include "server/io_thread.h"
#include "server/session/client.h"

namespace starling::server {
namespace {

void append_quoted(std::string_view bytes, std::string* out) {
  *out += '"';
  for (const char c : bytes) {
    switch (c) {
      case '\\':
      case '"':
        *out += '\\';
        *out += c;
        break;
      case '\n':
        *out += "\\n";
        break;
      case '\r':
        *out += "\\r";
        break;
      case '\t':
        *out += "\\t";
        break;
      case '\a':
        *out += "\\a";
        break;
      case '\b':
        *out += "\\b";
        break;
      default:
        if (c >= ' ' && c <= '~') {
          *out += c;
        } else {
          char hex[5];
          snprintf(hex, sizeof hex, "\\x%02x", static_cast<unsigned char>(c));
          *out += hex;
        }
    }
  }
  *out += '"';
}

std::string source_of(const Client& client) {
  const std::string& address = client.address();
  return client.unix_socket() ? "unix:" + address.substr(0, address.rfind(':')) : address;
}

std::string format_line(std::string_view source, int database, Arguments arguments, int64_t now_us) {
  char head[64];
  snprintf(head, sizeof head, "%lld.%06lld [%d ", static_cast<long long>(now_us / 1'000'000),
           static_cast<long long>(now_us % 1'000'000), database);
  std::string line = head;
  line += source;
  line += ']';
  for (const std::string_view argument : arguments) {
    line += ' ';
    append_quoted(argument, &line);
  }
  return line;
}

}  // namespace

void MonitorFeed::add(Client& client) {
  if (client.monitor) return;
  client.monitor = true;
  std::lock_guard lock(mutex_);
  monitors_.push_back({&client.io_thread(), client.id()});
  count_.store(monitors_.size(), std::memory_order_relaxed);
}

void MonitorFeed::remove(Client& client) {
  if (!client.monitor) return;
  client.monitor = false;
  std::lock_guard lock(mutex_);
  std::erase_if(monitors_, [&](const Monitor& monitor) { return monitor.client_id == client.id(); });
  count_.store(monitors_.size(), std::memory_order_relaxed);
}

void MonitorFeed::feed(const Client& from, int database, const ShownArguments& arguments, int64_t now_us) {
  tell(format_line(source_of(from), database, arguments.words(), now_us));
}

void MonitorFeed::feed_from_script(int database, const ShownArguments& arguments, int64_t now_us) {
  tell(format_line("lua", database, arguments.words(), now_us));
}

void MonitorFeed::tell(std::string text) {
  const auto line = std::make_shared<const std::string>(std::move(text));
  std::lock_guard lock(mutex_);
  for (const Monitor& monitor : monitors_) {
    monitor.io_thread->loop().post([io_thread = monitor.io_thread, id = monitor.client_id, line] {
      Client* client = io_thread->find_client(id);
      if (client == nullptr || !client->monitor || client->closing) return;
      client->reply.simple_string(*line);
      io_thread->output_pending(*client);
    });
  }
}

}  // namespace starling::server
