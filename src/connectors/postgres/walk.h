// Walk: the statements by which one reader reads its split, one after the other, so that a read
// that dies can be gone on with between two of them.
//
// A split of a table is a range of its pages. Rows stand in their pages for as long as nobody
// rewrites them, and whoever does gives them a new watermark: they belong to the next window then,
// wherever they stand. One reader's thread.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "connect/source.h"
#include "drivers/postgres/connection.h"

namespace tidemark::postgres {

// One statement, and where the next one begins, if the read can be gone on with there.
struct Leg {
  std::string select;
  std::optional<Position> after = {};
};

class Walk {
 public:
  virtual ~Walk() = default;
  // In the reader's transaction, no statement running. Nothing at the end.
  virtual Result<std::optional<Leg>> next(Connection& connection, Cancel& cancel) = 0;
};

std::unique_ptr<Walk> one_leg(std::string select);

// What a stream's rows are asked by: `columns` and `relation` in SQL, `condition` empty for all.
struct RowsAsked {
  std::string columns;
  std::string relation;
  std::string condition;

  std::string select() const { return select_where({}); }
  // Of those rows, the ones that `more` is true of.
  std::string select_where(const std::string& more) const;
};

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
