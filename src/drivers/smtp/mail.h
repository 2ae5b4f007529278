// A mail, handed to one server over SMTP: by libcurl, with TLS 1.2 or later.
//
// send_mail() blocks, is safe from any thread, and watches its Cancel. Certificates are always
// verified, by what the system trusts or, as OpenSSL has it, by the file $SSL_CERT_FILE.
#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <vector>

#include "base/cancel.h"
#include "base/result.h"
#include "base/secret.h"

namespace tidemark::smtp {

enum class Tls { starttls, from_the_first_byte, off };

struct Server {
  std::string host;
  int port = 0;
  Tls tls = Tls::starttls;
  std::string user;  // empty: nobody asks
  Secret password;
  std::chrono::milliseconds deadline{30'000};
  // Whether an address that the host has may be connected to; asked of the very one that is.
  std::function<Status(const std::string& address)> may_connect;
};

struct Mail {
  std::string from;  // addresses alone, without names
  std::vector<std::string> to;
  std::string data;  // headers, an empty line, and the text, with lines that end with \r\n
};

// Something that an address of a mail can be: one `@`, nothing that ends a line or a word.
bool is_address(const std::string& text);

// The server has taken it for all of them when this ends well. Errors: `smtp.bad_address`,
// `smtp.cannot_connect`, `smtp.tls_failed`, `smtp.login_denied`, `smtp.timeout`, `smtp.refused`,
// `run.cancelled`, and those of `may_connect`. None shows a password.
Status send_mail(const Server& server, const Mail& mail, const Cancel& cancel);

}  // namespace tidemark::smtp
