// Address: what names a server and how to reach it, read from `host=db.example dbname=shop`.
//
// A value; parsing is pure and connects to nothing.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace tidemark::mysql {

// How much of TLS is asked for.
enum class Tls {
  disable,
  prefer,      // where the server has it; the certificate is not looked at
  require,     // or no session; the certificate is not looked at
  verify_full  // the certificate must be good, and for this host
};

struct Address {
  std::string host;    // empty: the socket
  std::string socket;  // empty: the client library's own place
  unsigned port = 3306;
  std::string dbname;  // empty: none is chosen
  std::string user;
  Tls tls = Tls::prefer;
  std::string tls_root;  // a file of certificates to trust; empty: the system's
  std::string tls_cert;
  std::string tls_key;
  int connect_timeout_s = 10;
};

// The keywords a project may write into a connection.
std::vector<std::string_view> allowed_keywords();

// `key=value` pairs; a value with blanks stands in single quotes, `\` before a quote or itself. A
// user fault names the keyword that is unknown, doubled, or has a value that cannot be.
Result<Address> parse_address(std::string_view text);

}  // namespace tidemark::mysql
