// What FUNCTION DUMP answers and FUNCTION RESTORE takes: Redis's form.
//
//   payload := (%xF5 string)* version crc      the texts of libraries; the rest as of DUMP (server/rdb/rdb_payload.h)
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace starling::server::scripting {

std::string encode_function_payload(const std::vector<std::string_view>& texts);
// From untrusted bytes. Returns the error as a client is told it; empty: there is none.
[[nodiscard]] std::string decode_function_payload(std::string_view payload, std::vector<std::string>* texts);

}  // namespace starling::server::scripting
