#include "connectors/postgres/row_transaction_watermark.h"

#include <charconv>
#include <cstdint>

#include "connectors/postgres/transaction_watermark.h"

namespace tidemark::postgres {
namespace {

// Above it, which of two numbers of 32 bits is the older cannot be told.
constexpr std::int64_t span_max = std::int64_t{1} << 31;

std::optional<std::int64_t> number_of(const std::string& text) {
  std::int64_t number = 0;
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (code != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

std::int64_t number_at(const Position& position) {
  return number_of(parse_position(position).value).value_or(0);
}

}  // namespace

Result<WindowBound> find_row_transaction_bound(Connection& connection, const BoundRequest& request,
                                               const Standing& standing, Cancel& cancel) {
  if (!request.keyed) {
    return user_error("plan.watermark_append",
                      "`watermark: xmin` may give a row again, so the target must merge by key",
                      "write `load: upsert` in the job's `to`, or prepare a column with `tidemark "
                      "source prepare`");
  }
  if (standing.lo && !number_of(*standing.lo)) {
    return user_error("plan.watermark_changed",
                      "the watermark of the last window is `" + *standing.lo +
                          "`, and `xmin` counts transactions",
                      "the job had another watermark before: read everything again with `tidemark "
                      "run JOB --full`");
  }
  TM_TRY(const Rows rows,
         connection.query(
             "select pg_catalog.txid_snapshot_xmin(pg_catalog.txid_current_snapshot())", cancel));
  const std::int64_t now = rows.integer(0, 0);
  WindowBound bound;
  bound.window.lo = request.lo;
  bound.guarantee = Guarantee::exact_upsert;
  bound.reason =
      "each row's xmin is the transaction that wrote it, and a window ends before the oldest that "
      "is open; deleted rows are not seen, and every run reads the whole table on the server";
  const std::int64_t last = standing.lo ? *number_of(*standing.lo) : 0;
  if (now < last) {
    if (!standing.here.standby)
      return source_changed(
          "the server has not come to the transaction where the last window ended", false);
    return behind_the_last(std::move(bound));
  }
  bound.window.hi = bound.window.top = position_at(std::to_string(now), standing.here);
  bound.nothing_new = standing.lo && now == last;
  return bound;
}

std::string row_transaction_condition(const Window& window) {
  if (!window.lo) return {};
  if (!window.top) {
    // The end is the next number that the server will give.
    const std::string next = "pg_catalog.txid_snapshot_xmax(pg_catalog.txid_current_snapshot())";
    return "((" + next + " - xmin::text::bigint) & 4294967295) between 1 and " + next + " - " +
           std::to_string(number_at(*window.lo));
  }
  const std::int64_t top = number_at(*window.top);
  const std::int64_t span = top - number_at(*window.lo);
  if (span >= span_max) return {};
  // How far below `top` a row's number is, in a circle of 2^32.
  const std::int64_t low = top & 0xffff'ffff;
  return "((" + std::to_string(low) + " - xmin::text::bigint) & 4294967295) between 1 and " +
         std::to_string(span);
}

}  // namespace tidemark::postgres
