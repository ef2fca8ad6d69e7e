#include "resp/number.h"

#include <doctest/doctest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <string>

#include "tests/unit/resp/seed.h"

namespace starling::resp {
namespace {

std::string integer_result(std::string_view text) {
  int64_t value = 77;
  if (parse_integer(text, &value)) return std::to_string(value);
  return value == 77 ? "refused" : "refused, value changed";
}

std::string real_result(std::string_view text) {
  double value = 77;
  if (parse_real(text, &value)) return format_real(value);
  return value == 77 ? "refused" : "refused, value changed";
}

std::string long_real_result(std::string_view text) {
  long double value = 77;
  if (parse_real(text, &value)) return format_human(value);
  return value == 77 ? "refused" : "refused, value changed";
}

TEST_CASE("integers: accepted only in the one form they are printed in") {
  for (const char* text :
       {"0", "1", "-1", "7", "10", "-10", "999999999999999999", "1000000000000000000", "9223372036854775806",
        "9223372036854775807", "-9223372036854775807", "-9223372036854775808", "4294967296", "-2147483649"}) {
    CHECK(integer_result(text) == text);
  }
  for (const char* text : {"",
                           "-",
                           "+",
                           "-0",
                           "+0",
                           "+1",
                           "00",
                           "01",
                           "-01",
                           "--1",
                           " 1",
                           "1 ",
                           "1\n",
                           "1.0",
                           "1e3",
                           "0x1",
                           "a",
                           "1a",
                           "9223372036854775808",
                           "-9223372036854775809",
                           "9999999999999999999",
                           "-9999999999999999999",
                           "10000000000000000000",
                           "18446744073709551615",
                           "18446744073709551616",
                           "99999999999999999999999999",
                           "inf"}) {
    CAPTURE(text);
    CHECK(integer_result(text) == "refused");
  }
  CHECK(integer_result(std::string_view("1\0", 2)) == "refused");
  CHECK(integer_result(std::string_view("12345", 3)) == "123");
}

TEST_CASE("integers: random ones come back, random text is refused unless it is one") {
  std::mt19937_64 random(test_seed("resp integers"));
  for (int i = 0; i < 20000; ++i) {
    const auto value = static_cast<int64_t>(random()) >> (random() % 64);
    char text[kIntegerTextBytes];
    const std::string printed(text, format_integer(value, text));
    REQUIRE(printed == std::to_string(value));
    REQUIRE(integer_result(printed) == printed);

    std::string garbled = printed;
    garbled[random() % garbled.size()] = "0123456789-+ .e"[random() % 15];
    errno = 0;
    const bool is_one = garbled == std::to_string(std::strtoll(garbled.c_str(), nullptr, 10)) && errno == 0;
    CAPTURE(garbled);
    REQUIRE(integer_result(garbled) == (is_one ? garbled : "refused"));
  }
}

TEST_CASE("reals: what is accepted, and how it is printed with 17 digits") {
  const struct {
    const char* text;
    const char* result;
  } cases[] = {
      {"0", "0"},
      {"-0", "-0"},
      {"1", "1"},
      {"+1.5", "1.5"},
      {".5", "0.5"},
      {"5.", "5"},
      {"00012", "12"},
      {"1.10", "1.1000000000000001"},
      {"0.1", "0.10000000000000001"},
      {"1e2", "100"},
      {"5e-1", "0.5"},
      {"1e16", "10000000000000000"},
      {"1e17", "1e+17"},
      {"123456789012345678", "1.2345678901234568e+17"},
      {"1e22", "1e+22"},
      {"0.0001", "0.0001"},
      {"0.00001", "1.0000000000000001e-05"},
      {"3.14159265358979323846", "3.1415926535897931"},
      {"1.7976931348623157e308", "1.7976931348623157e+308"},
      {"4.9e-324", "4.9406564584124654e-324"},
      {"1e-320", "9.9998886718268301e-321"},
      {"0x10", "16"},
      {"0x1p-3", "0.125"},
      {"inf", "inf"},
      {"+inf", "inf"},
      {"-inf", "-inf"},
      {"Infinity", "inf"},
      {"-INFINITY", "-inf"},
      {"9007199254740993", "9007199254740992"},
  };
  for (const auto& test : cases) {
    CAPTURE(test.text);
    CHECK(real_result(test.text) == test.result);
  }
  for (const char* text :
       {"",    " ",   ".",    "-",   "+",     "e1",     "1e",      "1e+",    " 1",
        "1 ",  "1\n", "\t1",  "nan", "-nan",  "NaN",    "nan(12)", "infx",   "in",
        "1d",  "1f",  "1_0",  "1,5", "1e400", "-1e400", "1e-400",  "2e-324", "1.7976931348623159e308",
        "--1", "+-1", "1.2.3"}) {
    CAPTURE(text);
    CHECK(real_result(text) == "refused");
  }
  CHECK(real_result(std::string_view("1.5\0", 4)) == "refused");
  CHECK(real_result(std::string(500, '0') + "1.5") == "1.5");
}

TEST_CASE("reals: printing agrees with printf and is read back exactly") {
  std::mt19937_64 random(test_seed("resp reals"));
  for (int i = 0; i < 20000; ++i) {
    const uint64_t bits = random();
    double value = 0;
    std::memcpy(&value, &bits, sizeof(value));
    if (std::isnan(value)) continue;
    if (i % 3 == 0) value = static_cast<double>(static_cast<int64_t>(bits) >> (bits % 64)) / 8;
    char expected[64];
    std::snprintf(expected, sizeof(expected), "%.17g", value);
    const std::string printed = format_real(value);
    REQUIRE(printed == expected);
    REQUIRE(printed.size() <= kRealTextBytes);
    double again = 0;
    REQUIRE(parse_real(printed, &again));
    REQUIRE(again == value);
  }
  CHECK(format_real(std::numeric_limits<double>::quiet_NaN()) == "nan");
}

TEST_CASE("long doubles: accepted, and printed without exponent") {
  const struct {
    const char* text;
    const char* result;
  } cases[] = {
      {"0", "0"},
      {"-0", "0"},
      {"-0.0", "0"},
      {"3.0", "3"},
      {"100", "100"},
      {"10.50", "10.5"},
      {"0.1", "0.1"},
      {"5.0e3", "5000"},
      {"1e20", "100000000000000000000"},
      {"1e-17", "0.00000000000000001"},
      {"1e-18", "0"},
      {"-1e-18", "0"},
      {"3.14159265358979323846", "3.14159265358979324"},
      {"0x10", "16"},
      {"1e400", nullptr},  // Beyond a double, but fine here.
      {"1e-4940", "0"},
      {"inf", "inf"},
      {"-infinity", "-inf"},
      {"9223372036854775807", "9223372036854775807"},
  };
  for (const auto& test : cases) {
    CAPTURE(test.text);
    if (test.result != nullptr) CHECK(long_real_result(test.text) == test.result);
    CHECK(long_real_result(test.text) != "refused");
  }
  for (const char* text :
       {"", ".", " 1", "1 ", "nan", "-NAN", "1e5000", "-1e5000", "1e-5000", "1e", "abc", "1.5x"}) {
    CAPTURE(text);
    CHECK(long_real_result(text) == "refused");
  }
  CHECK(long_real_result(std::string(kMaxLongDoubleTextBytes - 1, '0')) == "0");
  CHECK(long_real_result(std::string(kMaxLongDoubleTextBytes, '0')) == "refused");
  // The longest there is.
  CHECK(format_human(std::numeric_limits<long double>::lowest()).size() == 1 + 4933);
  CHECK(format_human(std::numeric_limits<long double>::quiet_NaN()) == "nan");
}

}  // namespace
}  // namespace starling::resp
