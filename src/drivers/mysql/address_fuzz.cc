// Any text as what names a MySQL: what is taken has a port that can be, and what is refused is the
// user's.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/assert.h"
#include "drivers/mysql/address.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace tidemark;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto address = mysql::parse_address(text);
  if (!address.ok()) {
    TM_ASSERT(address.error().fault == Fault::user);
    return 0;
  }
  TM_ASSERT(address->port >= 1 && address->port <= 65535 && address->connect_timeout_s >= 0);
  return 0;
}
