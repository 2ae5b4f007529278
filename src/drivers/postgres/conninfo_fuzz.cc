// Any text as what names a PostgreSQL: what is taken can be merged with another, is taken again as
// it is written then, and says the same.
#include <cstddef>
#include <cstdint>
#include <string>

#include "base/assert.h"
#include "drivers/postgres/connection.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace tidemark;
  const std::string text(reinterpret_cast<const char*>(data), size);
  if (!postgres::check_conninfo(text).ok()) return 0;
  const auto merged = postgres::merge_conninfo(text, "port=5433");
  TM_ASSERT(merged.ok() && postgres::check_conninfo(*merged).ok());
  const auto again = postgres::merge_conninfo(*merged, "");
  TM_ASSERT(again.ok() && *again == *merged);
  return 0;
}
