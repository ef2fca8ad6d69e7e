// Replies as Lua values, and Lua values as replies.
//
//   reply          value                                    value                    reply
//   integer        number                                   number                   integer, cut off
//   bulk           string                                   string                   bulk
//   null           false; nil in RESP3                      false, nil, others       null (false in RESP3: boolean)
//   status         {ok = text}                              {ok = text}              status
//   error          {err = text}                             {err = text}             error
//   array          table                                    table                    array, up to the first nil
//   boolean        boolean                                  true                     1 (in RESP3: boolean)
//   double         {double = number}                        the same
//   big number     {big_number = digits}                    the same
//   map            {map = table}                            the same
//   set            {set = {member = true}}                  the same
//   verbatim       {verbatim_string = {format, string}}     the same
#pragma once

#include <string_view>

#include "resp/reply_writer.h"
#include "server/execute/script/lua_api.h"

namespace starling::server {

// Pushes the value of the first reply in *bytes, which a ReplyWriter made, and takes it off there. `counted`: errors
// in it need not be counted again.
void push_reply(lua_State* lua, std::string_view* bytes, bool counted);

// Writes the value on top, and pops it. `protocol`: what redis.setresp() said, for booleans.
void write_value(lua_State* lua, int protocol, resp::ReplyWriter& reply);

// An error, which its observer counts unless it is `counted`.
void write_error(std::string_view text, bool counted, resp::ReplyWriter& reply);

}  // namespace starling::server
