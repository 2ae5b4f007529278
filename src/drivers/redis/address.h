// Address: where a Redis is, read from `redis://host:port/db`.
//
// A value; parsing is pure and connects to nothing.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace tidemark::redis {

struct Address {
  std::string user;  // empty: the server's default user
  std::string host;
  int port = 6379;
  int database = 0;

  std::string text() const;  // with every part; it holds no secret
  friend bool operator==(const Address&, const Address&) = default;
};

// `redis://[USER@]HOST[:PORT][/DB]`; an address of IPv6 stands in brackets. A password in it is a
// user fault, which shows none of it.
Result<Address> parse_address(std::string_view text);

}  // namespace tidemark::redis
