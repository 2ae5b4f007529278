// Records: the rows of a text file as cells, with where each stands. Base of the CSV and JSON
// readers.
//
// A reader belongs to one thread; it holds one row in memory, of at most `row_bytes_max`.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "connectors/files/byte_stream.h"

namespace tidemark {

// How the file wrote a value: that decides which types it may have.
enum class CellKind : std::uint8_t {
  null,
  plain,   // CSV
  quoted,  // CSV, in quotes
  text,    // JSON, from here on
  number,
  boolean,
  nested,
};

struct Cell {
  CellKind kind = CellKind::null;
  std::string_view text;
};

// One row. The views are good until the next call.
struct Record {
  std::int64_t line = 0;       // of its first byte, from 1
  std::string_view raw;        // its bytes, without the line's end
  std::vector<Cell> cells;     // one per column
  std::string problem;         // not empty: the row cannot be taken, and why
  std::string problem_column;  // empty: the row as a whole
};

// Where a row begins in a file, unpacked.
struct RowPlace {
  std::int64_t offset = 0;  // bytes from the start
  std::int64_t line = 1;
};

// What the reader of a file must know before.
struct RecordOptions {
  std::filesystem::path path;
  std::string shown;  // the file's name in messages and locators
  std::int64_t row_bytes_max = 0;
  // The columns of earlier files, in the order wanted; empty: this file says them.
  std::vector<std::string> columns;
  bool may_add_columns = false;  // JSON while types are being found
  bool any_columns = false;      // what is not wanted is skipped, what is not there is NULL
};

class RecordReader {
 public:
  virtual ~RecordReader() = default;
  // False at the end.
  virtual Result<bool> next(Record& record) = 0;
  // Where the row after the last one given begins.
  virtual RowPlace place() const = 0;
  // Goes on at a place() that another reader of the same content gave. REQUIRES: before next().
  virtual Status go_to(const RowPlace& place) = 0;
  // Known after opening for CSV; grows with every row for JSON that may add columns.
  virtual const std::vector<std::string>& columns() const = 0;
};

// The bytes from the start of the present row on. `has(at)` reads on until that offset is there.
class RowBuffer {
 public:
  RowBuffer(std::unique_ptr<ByteStream> stream, std::string shown, std::int64_t row_bytes_max);
  // False at the end of the file, and after a failure, which `status` then holds.
  bool has(std::size_t at) { return at < end_ - begin_ || fill(at); }
  char at(std::size_t offset) const { return bytes_[begin_ + offset]; }
  const char* from(std::size_t offset) const { return bytes_.data() + begin_ + offset; }
  // Bytes that are there already, from the row's start.
  std::size_t size() const { return end_ - begin_; }
  std::string_view view(std::size_t from, std::size_t to) const {
    return {bytes_.data() + begin_ + from, to - from};
  }
  // Starts the next row. Views of the last one stay good until the next has().
  void advance(std::size_t bytes, std::int64_t lines);
  // The same to a place further on, whatever stands between.
  Status go_to(const RowPlace& place);
  std::int64_t offset() const { return offset_; }
  std::int64_t line() const { return line_; }
  const Status& status() const { return status_; }

 private:
  bool fill(std::size_t at);

  std::unique_ptr<ByteStream> stream_;
  std::string shown_;
  std::size_t row_bytes_max_;
  std::vector<char> bytes_;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
  std::int64_t offset_ = 0;  // of begin_, in the file
  std::int64_t line_ = 1;
  bool ended_ = false;
  Status status_;
};

// Why bytes cannot be kept as text; empty when they can.
std::string text_problem(std::string_view bytes);
// `source.header_changed`, naming the columns that are missing and those that are new.
Error header_changed(const std::string& file, const std::vector<std::string>& wanted,
                     const std::vector<std::string>& found);

}  // namespace tidemark
