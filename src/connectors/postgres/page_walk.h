// Reads in ranges of a table's pages: rows stand there as long as nobody rewrites them. Free
// functions and values; what asks the server blocks.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "connectors/postgres/walk.h"

namespace tidemark::postgres {

// Pages [from, to) of a table and each of its partitions; without `to` it is open, for pages that
// come after they were counted.
struct PageRange {
  std::int64_t from = 0;
  std::optional<std::int64_t> to;

  std::string text() const;
  static std::optional<PageRange> parse(const std::string& text);
  std::string condition() const;
};

// `step` pages at a time; 0: all at once. `pages` is where an open range is expected to end.
std::unique_ptr<Walk> page_walk(RowsAsked asked, PageRange range, std::int64_t step,
                                std::int64_t pages);
// The range behind a place that such a walk gave.
std::optional<PageRange> rest_of(PageRange range, const Position& place);

// How a table stands on disk.
struct TablePages {
  std::int64_t pages = 0;  // of its largest part
  std::int64_t bytes = 0;  // of all, with what stands beside the pages
  std::string files;       // names them; another text after whatever moved the rows
};

// Nothing where rows cannot be asked for by their pages: a view, a foreign table, another table
// access method, a server before 14. `relation` is a table's name in SQL.
Result<std::optional<TablePages>> find_pages(Connection& connection, const std::string& relation,
                                             Cancel& cancel);

}  // namespace tidemark::postgres
