#include "drivers/redis/address.h"

#include <algorithm>
#include <charconv>
#include <optional>

namespace tidemark::redis {
namespace {

constexpr std::string_view scheme = "redis://";
constexpr std::string_view example = "write `redis://cache.example:6379/0`";
constexpr int port_max = 65535;
constexpr int database_max = 9999;

// It may hold a secret in the wrong place, so no message shows the text.
Error unreadable(std::string why) {
  return user_error("cache.bad_address", "the address of the cache cannot be read: " + why,
                    std::string(example));
}

std::optional<int> number(std::string_view text, int low, int high) {
  int found = 0;
  const auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), found);
  if (fault != std::errc() || end != text.data() + text.size()) return std::nullopt;
  if (found < low || found > high) return std::nullopt;
  return found;
}

bool all_of(std::string_view text, std::string_view others) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [&](char c) {
    const bool is_letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    return is_letter || (c >= '0' && c <= '9') || others.find(c) != std::string_view::npos;
  });
}

Status read_user(std::string_view text, Address& address) {
  if (text.find(':') != std::string_view::npos) {
    return user_error("cache.password_in_address",
                      "a password must not stand in the address of the cache",
                      "write `cache: {redis: \"redis://...\", password: \"${env:NAME}\"}`");
  }
  if (!all_of(text, "._-")) return unreadable("the user before `@`");
  address.user = text;
  return {};
}

Status read_host(std::string_view text, Address& address) {
  std::string_view port;
  if (text.starts_with('[')) {
    const std::size_t end = text.find(']');
    if (end == std::string_view::npos || !all_of(text.substr(1, end - 1), ":.%"))
      return unreadable("the host");
    address.host = text.substr(1, end - 1);
    port = text.substr(end + 1);
  } else {
    const std::size_t colon = std::min(text.find(':'), text.size());
    address.host = text.substr(0, colon);
    port = text.substr(colon);
    if (!all_of(address.host, ".-_")) return unreadable("the host");
  }
  if (port.empty()) return {};
  const auto found = port.front() == ':' ? number(port.substr(1), 1, port_max) : std::nullopt;
  if (!found) return unreadable("the port, which is a number from 1 to 65535");
  address.port = *found;
  return {};
}

}  // namespace

std::string Address::text() const {
  const bool is_bare = host.find(':') == std::string::npos;
  return std::string(scheme) + (user.empty() ? "" : user + "@") +
         (is_bare ? host : "[" + host + "]") + ":" + std::to_string(port) + "/" +
         std::to_string(database);
}

Result<Address> parse_address(std::string_view text) {
  if (text.starts_with("rediss://")) {
    return user_error("cache.tls", "a cache is reached without TLS: `rediss://` is not spoken",
                      "write `redis://`, and put a tunnel between where the network is not yours");
  }
  if (!text.starts_with(scheme)) return unreadable("it does not begin with `redis://`");
  text.remove_prefix(scheme.size());
  Address address;
  if (const std::size_t at = text.rfind('@'); at != std::string_view::npos) {
    TM_CHECK(read_user(text.substr(0, at), address));
    text.remove_prefix(at + 1);
  }
  const std::size_t slash = std::min(text.find('/'), text.size());
  TM_CHECK(read_host(text.substr(0, slash), address));
  const std::string_view database = text.substr(slash);
  if (database.size() <= 1) return address;
  const auto found = number(database.substr(1), 0, database_max);
  if (!found) return unreadable("the database behind `/`, which is a number");
  address.database = *found;
  return address;
}

}  // namespace tidemark::redis
