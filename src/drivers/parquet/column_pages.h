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
  std::int64_t values = 0;  // NULLs among them
  std::int64_t nulls = 0;
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
  std::int64_t bytes() const;
  // Ends the row group's pages: the dictionary's, where there is one, stands before the others.
  Result<ChunkFacts> finish();
  const std::string& dictionary_page() const { return page_; }
  const std::string& pages() const { return pages_; }
  // Begins the next row group. REQUIRES finish().
  void clear();

 private:
  // NULLs of the page; bits only once there is one.
  class Levels {
   public:
    void add(const std::uint64_t* validity, std::size_t from, std::size_t rows);
    void append_to(std::string& out) const;
    void clear();
    std::size_t rows() const { return rows_; }
    std::size_t nulls() const { return nulls_; }
    std::size_t bytes() const { return bits_.size(); }

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
  Status append_page(std::string_view levels, std::string_view body, bool is_plain);
  Status end_dictionary();
  void append_numbers(std::string& out) const;

  const Layout layout_;
  const std::size_t page_bytes_;
  Compressor& compressor_;

  bool tries_dictionary_;
  Dictionary dictionary_;
  std::vector<std::uint16_t> numbers_;  // of the page, while the dictionary has room
  std::size_t numbered_bytes_ = 0;      // of the values that they stand for
  std::string values_;                  // of the page, otherwise
  std::size_t bits_ = 0;                // of booleans in it
  Levels levels_;
  std::string page_;   // one that is put together: of numbers, or of the dictionary
  std::string pages_;  // those that are done
  ChunkFacts facts_;
};

}  // namespace tidemark::parquet
