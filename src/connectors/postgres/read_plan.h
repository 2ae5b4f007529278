// ReadPlan: in which pieces one window of a stream is read.
//
// A large table that is read from its beginning: ranges of pages. A query or view whose job says
// `split_by`: ranges of that column, cut at its quantiles. A large window that an index finds: one
// split, page by page in the order of watermark and key. All else: one statement. A plain value;
// one thread.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "connectors/postgres/key_walk.h"
#include "connectors/postgres/page_walk.h"
#include "connectors/postgres/watermark.h"

namespace tidemark::postgres {

// How large the pieces are.
struct SplitSizes {
  std::int64_t split_bytes = 64'000'000;
  // After so many bytes, or rows, a read that dies can be gone on with.
  std::int64_t step_bytes = 8'000'000;
  std::int64_t page_rows = 200'000;
  std::int64_t splits_max = 64;
};

struct ReadRequest {
  RowsAsked asked;
  bool is_table = false;
  std::optional<Cursor> cursor;  // of a window; nothing: everything is read
  Window window;
  NullCursor nulls = NullCursor::fail;
  std::vector<KeyPart> key;             // the table's; empty where it has none
  std::optional<std::string> split_by;  // in SQL
  int readers = 1;
  SplitSizes sizes;
  // As the server's statistics have them, so that nobody asks about small tables; -1: unknown.
  std::int64_t bytes_estimated = -1;
  std::int64_t rows_estimated = -1;
};

class ReadPlan {
 public:
  ReadPlan() = default;
  // Asks for sizes and quantiles; reads no row, except for `split_by`.
  static Result<ReadPlan> make(Connection& connection, ReadRequest request, Cancel& cancel);

  std::vector<Split> splits() const;
  // What was rewritten since has a watermark beyond the window then, so that another snapshot gives
  // the rest of the window, and the next window what is missing.
  bool can_go_on() const { return can_go_on_; }
  std::string places_depend_on() const { return pages_ ? pages_->files : std::string(); }
  // Of one of the splits, from a place in it. In the reader's transaction, which holds the table as
  // it is; `source.rewritten` where the pages are others than at the plan.
  Result<std::unique_ptr<Walk>> walk(const Split& split, const std::optional<Position>& place,
                                     Connection& connection, Cancel& cancel) const;

 private:
  Status find_pieces(Connection& connection, Cancel& cancel);
  Result<std::vector<std::string>> quantiles(Connection& connection, Cancel& cancel) const;
  bool moves_with_changes() const;

  ReadRequest request_;
  // At most one of these says something.
  std::optional<TablePages> pages_;
  std::vector<std::string> cuts_;  // literals of split_by, ascending
  bool by_key_ = false;
  bool can_go_on_ = false;
};

}  // namespace tidemark::postgres
