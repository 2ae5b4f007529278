// Url: where a request of ours goes. Pure.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace tidemark {

struct Url {
  bool is_https = false;
  std::string host;  // in lower case; an address of IPv6 without brackets
  int port = 0;
  std::string target;  // path and query, from `/` on; never shown, since it may hold a secret

  // `http://host[:port][/path][?query]` or https. User fault `http.bad_url`, which shows no more
  // than the host: there may be a secret anywhere else. A name and password before the host are
  // refused.
  static Result<Url> parse(std::string_view text);
  // What a `location` means that came from here: another URL, or a path that begins with `/`.
  Result<Url> follow(std::string_view location) const;
  // `host:port` as in the header `host`, without the port that goes without saying.
  std::string authority() const;
  // `https://host:port`, for people.
  std::string shown() const;
};

}  // namespace tidemark
