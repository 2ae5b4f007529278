#include "spec/api_spec.h"

#include <charconv>
#include <utility>

namespace tidemark {

bool ListenAddress::is_loopback() const {
  return host == "localhost" || host == "::1" || host.starts_with("127.");
}

Result<ListenAddress> ListenAddress::parse(const std::string& text) {
  constexpr int port_max = 65'535;
  const Error wrong = user_error("spec.bad_listen", "`" + text + "` is no address to listen on",
                                 "write for example 127.0.0.1:8080");
  const std::size_t colon = text.rfind(':');
  if (colon == std::string::npos || colon == 0) return wrong;
  ListenAddress address{text.substr(0, colon)};
  const bool bracketed = address.host.front() == '[' && address.host.back() == ']';
  if (bracketed) address.host = address.host.substr(1, address.host.size() - 2);
  if (address.host.empty() || (!bracketed && address.host.find(':') != std::string::npos))
    return wrong;
  const char* const end = text.data() + text.size();
  const auto read = std::from_chars(text.data() + colon + 1, end, address.port);
  if (read.ec != std::errc() || read.ptr != end || address.port < 0 || address.port > port_max)
    return wrong;
  return address;
}

Status check_listen(const ListenAddress& address, const std::optional<ApiTls>& tls) {
  if (address.is_loopback() || tls) return {};
  return user_error("spec.listen_without_tls",
                    "`" + address.host +
                        "` is reached from elsewhere, and without TLS tokens and "
                        "rows are read by everybody on the way",
                    "write `api: {tls: {certificate: FILE, key: FILE}}`; `tls: off` where "
                    "something before it speaks TLS");
}

}  // namespace tidemark
