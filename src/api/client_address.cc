#include "api/client_address.h"

#include <algorithm>
#include <optional>
#include <string_view>

namespace tidemark {
namespace {

constexpr std::string_view blanks = " \t";

std::string_view trimmed(std::string_view text) {
  const std::size_t begin = std::min(text.find_first_not_of(blanks), text.size());
  text.remove_prefix(begin);
  return text.substr(0, text.find_last_not_of(blanks) + 1);
}

// Some proxies write the port too.
std::optional<IpAddress> address_of(std::string_view written) {
  if (written.starts_with('['))
    return IpAddress::parse(std::string(written.substr(1, written.find(']') - 1)));
  const std::size_t colon = written.find(':');
  const bool has_port = colon != std::string_view::npos && colon == written.rfind(':');
  return IpAddress::parse(std::string(has_port ? written.substr(0, colon) : written));
}

}  // namespace

std::string client_address(const HttpRequest& request, const std::vector<IpNetwork>& proxies) {
  const auto is_proxy = [&](const IpAddress& address) {
    return std::any_of(proxies.begin(), proxies.end(),
                       [&](const IpNetwork& network) { return network.has(address); });
  };
  std::optional<IpAddress> nearest = IpAddress::parse(request.peer);
  if (!nearest || !is_proxy(*nearest)) return request.peer;
  // Some proxies add a line of their own to those that came.
  for (auto header = request.headers.rbegin(); header != request.headers.rend(); ++header) {
    if (header->name != "x-forwarded-for") continue;
    std::string_view left = header->value;
    while (true) {
      const std::size_t comma = left.rfind(',');
      const auto next =
          address_of(trimmed(comma == std::string_view::npos ? left : left.substr(comma + 1)));
      if (!next) return nearest->text();
      nearest = next;
      if (!is_proxy(*nearest)) return nearest->text();
      if (comma == std::string_view::npos) break;
      left = left.substr(0, comma);
    }
  }
  return nearest->text();
}

}  // namespace tidemark
