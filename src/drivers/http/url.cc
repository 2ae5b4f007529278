#include "drivers/http/url.h"

#include <algorithm>
#include <charconv>

#include "drivers/http/address_rules.h"

namespace tidemark {
namespace {

constexpr int http_port = 80;
constexpr int https_port = 443;
constexpr int port_max = 65535;
constexpr std::size_t url_bytes_max = 8 * 1024;

Error bad_url(const std::string& why) {
  return user_error("http.bad_url", "a URL is not usable: " + why,
                    "write `https://host/path`, with a port where it needs one");
}

bool is_target_character(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return byte > 0x20 && byte < 0x7f && c != '#' && c != '\\';
}

bool is_host(const std::string& host) {
  const auto right = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_';
  };
  return !host.empty() && std::all_of(host.begin(), host.end(), right);
}

bool is_ipv6(const std::string& host) {
  return host.find(':') != std::string::npos && IpAddress::parse(host).has_value();
}

}  // namespace

Result<Url> Url::parse(std::string_view text) {
  Url url;
  if (text.size() > url_bytes_max) return bad_url("it is longer than 8192 bytes");
  if (text.starts_with("https://"))
    url.is_https = true;
  else if (!text.starts_with("http://"))
    return bad_url("it does not begin with `https://` or `http://`");
  text.remove_prefix(text.find("//") + 2);
  const std::size_t end = std::min(text.find_first_of("/?#"), text.size());
  std::string_view place = text.substr(0, end);
  url.target = text.substr(end);
  if (place.find('@') != std::string_view::npos)
    return bad_url("it has a name or password before the host");
  std::string_view port;
  if (place.starts_with('[')) {
    const std::size_t close = place.find(']');
    if (close == std::string_view::npos) return bad_url("it has `[` without `]`");
    url.host = place.substr(1, close - 1);
    port = place.substr(close + 1);
  } else {
    const std::size_t colon = std::min(place.find(':'), place.size());
    url.host = place.substr(0, colon);
    port = place.substr(colon);
  }
  std::transform(url.host.begin(), url.host.end(), url.host.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  if (!(place.starts_with('[') ? is_ipv6(url.host) : is_host(url.host)))
    return bad_url("its host has characters that no host has, or there is none");
  url.port = url.is_https ? https_port : http_port;
  if (!port.empty()) {
    const char* const stop = port.data() + port.size();
    const auto [read, failed] = std::from_chars(port.data() + 1, stop, url.port);
    if (port[0] != ':' || failed != std::errc() || read != stop || url.port < 1 ||
        url.port > port_max)
      return bad_url("the port of " + url.host + " is not a number up to 65535");
  }
  if (!url.target.starts_with('/')) url.target.insert(0, 1, '/');
  if (!std::all_of(url.target.begin(), url.target.end(), is_target_character))
    return bad_url("behind " + url.host + " there is a character that must be percent-encoded");
  return url;
}

Result<Url> Url::follow(std::string_view location) const {
  // `//host` would be another host, under this scheme.
  if (!location.starts_with('/') || location.starts_with("//")) return parse(location);
  return parse((is_https ? "https://" : "http://") + authority() + std::string(location));
}

std::string Url::authority() const {
  const std::string name = host.find(':') == std::string::npos ? host : "[" + host + "]";
  if (port == (is_https ? https_port : http_port)) return name;
  return name + ":" + std::to_string(port);
}

std::string Url::shown() const {
  return (is_https ? "https://" : "http://") + authority();
}

}  // namespace tidemark
