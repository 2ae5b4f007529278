// Any text as where a request goes: what is taken is the same when it is put together and read
// again, and what is shown of it does not hold its path.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/assert.h"
#include "drivers/http/url.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace tidemark;
  const auto url = Url::parse(std::string_view(reinterpret_cast<const char*>(data), size));
  if (!url.ok()) return 0;
  TM_ASSERT(url->port >= 1 && url->port <= 65535 && !url->host.empty());
  TM_ASSERT(url->target.starts_with('/'));
  TM_ASSERT(url->target.find_first_of(std::string_view("\r\n\0 ", 4)) == std::string::npos);
  const std::string scheme = url->is_https ? "https://" : "http://";
  const auto again = Url::parse(scheme + url->authority() + url->target);
  TM_ASSERT(again.ok() && again->host == url->host && again->port == url->port);
  TM_ASSERT(again->target == url->target && again->is_https == url->is_https);
  return 0;
}
