#include "connectors/postgres/read_plan.h"

#include <algorithm>
#include <utility>

#include "connect/table_source.h"

namespace tidemark::postgres {
namespace {

constexpr const char* by_key_range = "by pages in the order of watermark and key";
// Statistics may be old: a table that was this much smaller than what is split is not asked for.
constexpr std::int64_t growth_since = 4;
constexpr int splits_of_reader = 4;  // so that whoever is done early takes some of the others'

std::string range_between(const std::string& column, const std::string* from,
                          const std::string* to) {
  // The first range has the NULLs.
  if (from == nullptr) return "(" + column + " < " + *to + " or " + column + " is null)";
  std::string text = column + " >= " + *from;
  if (to != nullptr) text += " and " + column + " < " + *to;
  return text;
}

}  // namespace

Result<ReadPlan> ReadPlan::make(Connection& connection, ReadRequest request, Cancel& cancel) {
  ReadPlan plan;
  plan.request_ = std::move(request);
  TM_CHECK(plan.find_pieces(connection, cancel));
  return plan;
}

// Whether every change of a row takes it out of the window.
bool ReadPlan::moves_with_changes() const {
  if (!request_.cursor) return false;
  const Cursor& cursor = *request_.cursor;
  if (!cursor.not_null && reads_null_cursors(request_.nulls, request_.window)) return false;
  return cursor.kind != CursorKind::number && cursor.kind != CursorKind::date;
}

Status ReadPlan::find_pieces(Connection& connection, Cancel& cancel) {
  if (request_.split_by) {
    TM_TRY(cuts_, quantiles(connection, cancel));
    can_go_on_ = !cuts_.empty() && moves_with_changes();
    return {};
  }
  if (!request_.is_table) return {};
  const auto is_small = [](std::int64_t estimated, std::int64_t least) {
    return estimated >= 0 && estimated < least / growth_since;
  };
  if (!request_.window.lo) {
    if (is_small(request_.bytes_estimated, request_.sizes.split_bytes)) return {};
    TM_TRY(pages_, find_pages(connection, request_.asked.relation, cancel));
    if (pages_ && pages_->bytes < request_.sizes.split_bytes) pages_.reset();
    can_go_on_ = pages_ && moves_with_changes();
    return {};
  }
  // The walk has an index only for a watermark that is a value of the row.
  if (request_.key.empty() || !moves_with_changes() ||
      request_.cursor->kind == CursorKind::row_transaction)
    return {};
  const std::int64_t least = 2 * request_.sizes.page_rows;
  if (is_small(request_.rows_estimated, least)) return {};
  TM_TRY(const std::int64_t rows, rows_estimated(connection, request_.asked, cancel));
  by_key_ = can_go_on_ = rows >= least;
  return {};
}

// Fewer where values are frequent: a range cannot be cut within one value.
Result<std::vector<std::string>> ReadPlan::quantiles(Connection& connection, Cancel& cancel) const {
  const int ranges = request_.readers * splits_of_reader;
  std::string fractions;
  for (int at = 1; at < ranges; ++at)
    fractions += (at == 1 ? "" : ", ") + std::to_string(at) + ".0 / " + std::to_string(ranges);
  RowsAsked asked = request_.asked;
  asked.columns = *request_.split_by + " as cut";
  TM_TRY(const Rows rows,
         connection.query("select distinct on (cut) pg_catalog.quote_literal(cut) || '::' || "
                          "pg_catalog.pg_typeof(cut)::text from (select unnest("
                          "percentile_disc(array[" +
                              fractions + "]) within group (order by cut)) as cut from (" +
                              asked.select() + ") rows_) cuts where cut is not null order by cut",
                          cancel));
  std::vector<std::string> cuts;
  for (std::size_t row = 0; row < rows.rows(); ++row)
    cuts.push_back(rows.string(row, 0));
  return cuts;
}

std::vector<Split> ReadPlan::splits() const {
  const std::string text = request_.asked.select();
  std::vector<Split> splits;
  if (pages_) {
    const std::int64_t count =
        std::clamp<std::int64_t>(pages_->bytes / request_.sizes.split_bytes, 1,
                                 std::min(request_.sizes.splits_max, pages_->pages));
    for (std::int64_t number = 0; number < count; ++number) {
      PageRange range{pages_->pages * number / count, pages_->pages * (number + 1) / count};
      if (number + 1 == count) range.to.reset();
      splits.push_back({text, range.text()});
    }
  } else if (!cuts_.empty()) {
    for (std::size_t at = 0; at <= cuts_.size(); ++at) {
      splits.push_back({text, range_between(*request_.split_by, at == 0 ? nullptr : &cuts_[at - 1],
                                            at == cuts_.size() ? nullptr : &cuts_[at])});
    }
  } else {
    splits.push_back({text, by_key_ ? by_key_range : ""});
  }
  return splits;
}

Result<std::unique_ptr<Walk>> ReadPlan::walk(const Split& split,
                                             const std::optional<Position>& place,
                                             Connection& connection, Cancel& cancel) const {
  if (split.range.empty()) return one_leg(split.text);
  if (split.range == by_key_range) {
    std::vector<KeyPart> key{{request_.cursor->sql, request_.cursor->type_name}};
    key.insert(key.end(), request_.key.begin(), request_.key.end());
    return key_walk(request_.asked, std::move(key), place, request_.sizes.page_rows);
  }
  std::optional<PageRange> range = PageRange::parse(split.range);
  if (!range) return one_leg(request_.asked.select_where(split.range));
  if (place) range = rest_of(*range, *place);
  if (!range || !pages_)
    return internal_error("source.bad_range", "no such range of pages: " + split.range);
  TM_TRY(const auto now, find_pages(connection, request_.asked.relation, cancel));
  if (!now || now->files != pages_->files) {
    return source_error("source.rewritten",
                        request_.asked.relation + " was rewritten since the plan", Retry::never,
                        "run again: the read begins anew");
  }
  const std::int64_t page_bytes = std::max<std::int64_t>(1, pages_->bytes / pages_->pages);
  const std::int64_t step =
      can_go_on_ ? std::max<std::int64_t>(1, request_.sizes.step_bytes / page_bytes) : 0;
  return page_walk(request_.asked, *range, step, now->pages);
}

}  // namespace tidemark::postgres
