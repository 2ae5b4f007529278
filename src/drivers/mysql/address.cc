#include "drivers/mysql/address.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <utility>

#include "base/nearest.h"
#include "drivers/mysql/tls.h"
#include "env/local_host.h"

namespace tidemark::mysql {
namespace {

// Left out on purpose: passwords, and what changes the meaning of a session.
constexpr std::string_view allowed[] = {"host",   "port",           "socket",      "dbname",
                                        "user",   "sslmode",        "sslrootcert", "sslcert",
                                        "sslkey", "connect_timeout"};

Error unreadable() {
  return user_error("mysql.bad_connection_text", "the connection text cannot be read",
                    "write `host=db.example dbname=shop user=etl`");
}

void skip_blanks(std::string_view& text) {
  while (!text.empty() && std::string_view(" \t\r\n").find(text.front()) != std::string_view::npos)
    text.remove_prefix(1);
}

// The word before `=`.
std::optional<std::string> take_keyword(std::string_view& text) {
  const std::size_t end = text.find_first_of(" \t\r\n=");
  if (end == 0 || end == std::string_view::npos) return std::nullopt;
  std::string keyword(text.substr(0, end));
  text.remove_prefix(end);
  skip_blanks(text);
  if (text.empty() || text.front() != '=') return std::nullopt;
  text.remove_prefix(1);
  skip_blanks(text);
  return keyword;
}

std::optional<std::string> take_value(std::string_view& text) {
  std::string value;
  const bool quoted = !text.empty() && text.front() == '\'';
  if (quoted) text.remove_prefix(1);
  while (!text.empty()) {
    const char c = text.front();
    const bool ends =
        quoted ? c == '\'' : std::string_view(" \t\r\n").find(c) != std::string_view::npos;
    if (ends) {
      text.remove_prefix(1);
      return value;
    }
    if (c == '\\' && text.size() > 1) text.remove_prefix(1);
    value += text.front();
    text.remove_prefix(1);
  }
  if (quoted) return std::nullopt;
  return value;
}

Status check_keyword(const std::string& keyword, const std::vector<std::string>& seen) {
  if (keyword == "password" || keyword == "passwd" || keyword == "pwd") {
    return user_error("mysql.password_in_connection_text",
                      "`" + keyword + "` must not stand in the connection text",
                      "write `password: ${env:NAME}` beside it");
  }
  if (std::find(std::begin(allowed), std::end(allowed), keyword) == std::end(allowed)) {
    std::vector<std::string> known(std::begin(allowed), std::end(allowed));
    const auto near = nearest_word(keyword, known);
    return user_error("mysql.unknown_keyword",
                      "`" + keyword + "` is not allowed in the connection text",
                      near ? "did you mean `" + *near + "`?"
                           : "leave it out; Tidemark sets what a session needs");
  }
  if (std::find(seen.begin(), seen.end(), keyword) != seen.end()) {
    return user_error("mysql.doubled_keyword",
                      "`" + keyword + "` stands twice in the connection text");
  }
  return {};
}

Error bad_value(const std::string& keyword, const std::string& value, const std::string& want) {
  return user_error("mysql.bad_value", "`" + keyword + "=" + value + "` is not possible: " + want);
}

Result<int> number(const std::string& keyword, const std::string& value, int low, int high) {
  int found = 0;
  const auto [end, fault] = std::from_chars(value.data(), value.data() + value.size(), found);
  if (fault != std::errc() || end != value.data() + value.size() || found < low || found > high) {
    return bad_value(keyword, value,
                     "a number from " + std::to_string(low) + " to " + std::to_string(high));
  }
  return found;
}

Result<Tls> tls_mode(const std::string& value) {
  if (value == "disable") return Tls::disable;
  if (value == "prefer") return Tls::prefer;
  if (value == "require") return Tls::require;
  if (value == "verify-full") return Tls::verify_full;
  return bad_value("sslmode", value, "`disable`, `prefer`, `require` or `verify-full`");
}

Status set(Address& address, const std::string& keyword, std::string value) {
  if (keyword == "host")
    address.host = std::move(value);
  else if (keyword == "socket")
    address.socket = std::move(value);
  else if (keyword == "dbname")
    address.dbname = std::move(value);
  else if (keyword == "user")
    address.user = std::move(value);
  else if (keyword == "sslrootcert")
    address.tls_root = std::move(value);
  else if (keyword == "sslcert")
    address.tls_cert = std::move(value);
  else if (keyword == "sslkey")
    address.tls_key = std::move(value);
  else if (keyword == "port") {
    TM_TRY(const int port, number(keyword, value, 1, 65535));
    address.port = static_cast<unsigned>(port);
  } else if (keyword == "connect_timeout") {
    TM_TRY(address.connect_timeout_s, number(keyword, value, 1, 3600));
  } else if (keyword == "sslmode") {
    TM_TRY(address.tls, tls_mode(value));
  }
  return {};
}

}  // namespace

std::vector<std::string_view> allowed_keywords() {
  return {std::begin(allowed), std::end(allowed)};
}

Result<Address> parse_address(std::string_view text) {
  Address address;
  std::vector<std::string> seen;
  skip_blanks(text);
  while (!text.empty()) {
    const std::optional<std::string> keyword = take_keyword(text);
    if (!keyword) return unreadable();
    std::optional<std::string> value = take_value(text);
    if (!value) return unreadable();
    TM_CHECK(check_keyword(*keyword, seen));
    // It may be a secret in the wrong place, so no message shows the text itself.
    if (value->find('\0') != std::string::npos) return unreadable();
    TM_CHECK(set(address, *keyword, *std::move(value)));
    seen.push_back(*keyword);
    skip_blanks(text);
  }
  if (!address.host.empty() && !address.socket.empty()) {
    return user_error("mysql.two_places", "the connection text names a `host` and a `socket`",
                      "leave one of them out");
  }
  const bool says_tls = std::find(seen.begin(), seen.end(), "sslmode") != seen.end();
  if (!says_tls && !is_local_host(address.host))
    address.tls = address.tls_root.empty() ? Tls::require : Tls::verify_full;
  return address;
}

TlsTrust tls_trust(const Address& address) {
  if (is_local_host(address.host)) return TlsTrust::local;
  switch (address.tls) {
    case Tls::disable:
    case Tls::prefer:
      return TlsTrust::none;
    case Tls::require:
      return TlsTrust::unverified;
    case Tls::verify_full:
      return TlsTrust::verified;
  }
  return TlsTrust::none;
}

}  // namespace tidemark::mysql
