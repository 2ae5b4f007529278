// Layout: how a column of a Type stands in a Parquet file, as the engine reads it back to the same
// type (https://github.com/apache/parquet-format/blob/master/LogicalTypes.md). Private to this
// folder.
#pragma once

#include <cstddef>
#include <optional>

#include "drivers/parquet/compact_writer.h"
#include "drivers/parquet/format.h"
#include "model/schema.h"

namespace tidemark::parquet {

// What becomes of a value on the way from a batch into a page.
enum class Conversion {
  copy,             // the batch's bytes
  bit,              // one bit of a boolean
  widen,            // an integer of 8 or 16 bits to 32, with its sign
  widen_unsigned,   // the same without
  big_endian,       // 128 bits, the most significant byte first
  big_endian_uuid,  // the same, with the top bit as a UUID has it
  text,             // bytes with their length before them
};

struct Layout {
  Physical physical = Physical::byte_array;
  Conversion conversion = Conversion::text;
  Converted converted = Converted::none;
  std::size_t width_in = 0;   // bytes of a value in a batch; 0 for text
  std::size_t width_out = 0;  // bytes of a value in a page; 0 for text and bits

  // Whether a dictionary of its values is tried: what has few of them gets smaller by it.
  bool may_repeat() const {
    return physical == Physical::int32 || physical == Physical::int64 ||
           physical == Physical::byte_array;
  }
};

// Nothing for types that have no layout here.
std::optional<Layout> layout_of(const Type& type);
// The element of the footer's schema.
void write_schema_element(const Column& column, const Layout& layout, CompactWriter& out);

}  // namespace tidemark::parquet
