// Batches: rows as typed, contiguous column buffers that belong to the engine.
//
// A decoder writes each value once, straight into the engine's vector; nobody copies it again. Rows
// never travel as objects or as JSON. A writer or reader lives only for the call it is passed to
// and belongs to one thread. Row numbers run from 0 to below capacity().
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "model/schema.h"

namespace tidemark {

class ColumnWriter;

// Where the elements of one list value go: rows first .. first+count of `elements`.
struct ListSlot {
  ColumnWriter* elements = nullptr;
  std::size_t first = 0;
};

class ColumnWriter {
 public:
  virtual ~ColumnWriter() = default;
  // The fixed-width buffer (element size: fixed_width(type)); for a list's elements it may move
  // with every add_list, so read it again.
  virtual void* data() = 0;
  virtual void set_null(std::size_t row) = 0;
  // Undoes set_null, for a row number that is used again after its row was rejected.
  virtual void set_valid(std::size_t row) = 0;
  // varchar, json, blob. The bytes are copied; text must be valid UTF-8 (check before).
  virtual void set_bytes(std::size_t row, std::string_view bytes) = 0;
  // list: makes room for `count` elements of this row's value.
  virtual ListSlot add_list(std::size_t row, std::size_t count) = 0;
};

// A row that cannot be held as its column types say.
struct RejectedRow {
  std::string_view raw;  // the row's bytes as the source sent them
  std::string column;    // the column that could not be held; empty when the row as a whole
  std::string reason;    // for people, with the value where it is short
  std::string locator;   // where the row is in the source: `file:line`, `tuple 17`
};

class BatchWriter {
 public:
  virtual ~BatchWriter() = default;
  virtual std::size_t capacity() const = 0;
  virtual ColumnWriter& column(std::size_t index) = 0;
  // The row goes to the stage's reject segment. Copies what it needs.
  virtual void reject(const RejectedRow& row) = 0;
};

class ColumnReader;

struct ListView {
  const ColumnReader* elements = nullptr;
  std::size_t first = 0;
  std::size_t count = 0;
};

class ColumnReader {
 public:
  virtual ~ColumnReader() = default;
  virtual const void* data() const = 0;
  // A bit for each row, from the lowest on, set where there is a value; null: all rows have one.
  virtual const std::uint64_t* validity() const = 0;
  bool valid(std::size_t row) const {
    const std::uint64_t* const bits = validity();
    return bits == nullptr || ((bits[row / 64] >> (row % 64)) & 1) != 0;
  }
  virtual std::string_view bytes(std::size_t row) const = 0;
  virtual ListView list(std::size_t row) const = 0;
};

class BatchReader {
 public:
  virtual ~BatchReader() = default;
  virtual std::size_t rows() const = 0;
  virtual const ColumnReader& column(std::size_t index) const = 0;
};

}  // namespace tidemark
