#include "server/info/info_writer.h"

#include <cstdio>

namespace starling::server {

void InfoWriter::section(std::string_view title) {
  if (!text_.empty()) text_ += "\r\n";
  text_.append("# ").append(title).append("\r\n");
}

void InfoWriter::field(std::string_view name, std::string_view value) {
  text_.append(name).append(":").append(value).append("\r\n");
}

void InfoWriter::real(std::string_view name, double value, int decimals) {
  field(name, std::string_view(decimal(value, decimals)));
}

void InfoWriter::nothing_of(std::initializer_list<std::string_view> names) {
  for (const std::string_view name : names) field(name, 0);
}

void InfoWriter::bytes(std::string_view name, uint64_t value) {
  field(name, value);
  field(std::string(name) + "_human", std::string_view(human_bytes(value)));
}

std::string decimal(double value, int decimals) {
  char text[64];
  std::snprintf(text, sizeof text, "%.*f", decimals, value);
  return text;
}

std::string human_bytes(uint64_t bytes) {
  constexpr double kStep = 1024;
  if (bytes < 1024) return std::to_string(bytes) + "B";
  double value = static_cast<double>(bytes) / kStep;
  std::string_view unit = "KMGTP";
  while (value >= kStep && unit.size() > 1) {
    value /= kStep;
    unit.remove_prefix(1);
  }
  return decimal(value, 2) + unit.front();
}

}  // namespace starling::server
