// ColumnPages: one column of a row group, as compressed pages.
//
// Takes values as batches bring them and ends a page when it is large enough. Values that repeat
// are written as numbers into a dictionary for as long as that has room; from there on, and for the
// rest of the file, as they are. One thread. Private to this folder.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "drivers/parquet/compressor.h"
#include "drivers/parquet/dictionary.h"
#include "drivers/parquet/layout.h"
#include "model/batch.h"

namespace tidemark::parquet {

// What the footer says of a column's pages.
struct ChunkFacts {
  std::int64_t values = 0;
  std::int64_t bytes_plain = 0;       // of pages and headers before compression
  std::int64_t dictionary_bytes = 0;  // of the dictionary's page with its header; 0: there is none
  std::int64_t bytes = 0;             // of all pages with their headers
  bool has_plain_pages = false;
};

class ColumnPages {
 public:
  // `compressor` outlives it, and may be shared by columns of one thread.
  ColumnPages(Layout layout, std::size_t page_bytes, Compressor& compressor);

  Status add(const ColumnReader& column, std::size_t rows);
  // Of the row group so far, before compression.
  std::int64_t bytes_plain() const {
    return facts_.bytes_plain + static_cast<std::int64_t>(values_.size());
  }
  // Ends the row group's pages and appends them to `out`.
  Result<ChunkFacts> finish(std::string& out);

 private:
  // NULLs of the page; bits only once there is one.
  class Levels {
   public:
    void add(const std::uint64_t* validity, std::size_t from, std::size_t rows);
    void append_to(std::string& out) const;
    void clear();
    std::size_t rows() const { return rows_; }
    std::size_t nulls() const { return nulls_; }

   private:
    void push(bool valid);
    std::size_t rows_ = 0;
    std::size_t nulls_ = 0;
    std::string bits_;
  };

  // Each takes rows from `from` on, as many as the page has room for, and returns the next.
  std::size_t add_numbers(const ColumnReader& column, std::size_t from, std::size_t rows);
  std::size_t add_plain(const ColumnReader& column, std::size_t from, std::size_t rows);
  std::size_t add_texts(const ColumnReader& column, std::size_t from, std::size_t rows);
  void add_bit(bool bit);
  bool page_is_full() const;
  Status leave_dictionary();
  Status end_page();
  Status end_dictionary(std::string& out);
  void append_numbers(std::string& out) const;

  const Layout layout_;
  const std::size_t page_bytes_;
  Compressor& compressor_;

  bool tries_dictionary_;
  Dictionary dictionary_;
  std::vector<std::uint16_t> numbers_;  // of the page, while the dictionary has room
  std::string values_;                  // of the page, otherwise
  std::size_t bits_ = 0;                // of booleans in it
  Levels levels_;
  std::string page_;   // a page of numbers as it is written
  std::string pages_;  // those that are done
  ChunkFacts facts_;
};

}  // namespace tidemark::parquet
