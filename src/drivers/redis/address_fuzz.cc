// Any text as what names a Redis: what is taken is the same when it is read from its own text.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/assert.h"
#include "drivers/redis/address.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace tidemark;
  const auto address =
      redis::parse_address(std::string_view(reinterpret_cast<const char*>(data), size));
  if (!address.ok()) return 0;
  const auto again = redis::parse_address(address->text());
  TM_ASSERT(again.ok() && *again == *address);
  return 0;
}
