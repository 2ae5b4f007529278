#include "verify/comparison.h"

#include <algorithm>
#include <mutex>
#include <optional>
#include <utility>

#include <fmt/format.h>

namespace tidemark {
namespace {

constexpr const char* expected_table = "tm_verify_expected";
constexpr const char* target_table = "tm_verify_target";
constexpr const char* changed_table = "tm_verify_changed";
constexpr const char* found_table = "tm_verify_found";
constexpr const char* copies_table = "tm_verify_copies";
constexpr const char* batch_table = "tm_verify_batch";

std::string same_key(const std::vector<std::string>& key, const char* left, const char* right) {
  std::string condition;
  for (const std::string& name : key) {
    const std::string column = duck::quote_name(name);
    condition += fmt::format("{}{}.{} IS NOT DISTINCT FROM {}.{}", condition.empty() ? "" : " AND ",
                             left, column, right, column);
  }
  return condition;
}

std::vector<RowRange> ranges_of(const Buckets& buckets, const std::vector<Span>& spans) {
  std::vector<RowRange> ranges;
  for (const auto& [from, to] : spans) {
    if (from == 0 && to == buckets.count()) return {};
    if (const auto range = buckets.range(from, to)) ranges.push_back(*range);
  }
  return ranges;
}

std::string in_spans(const Buckets& buckets, const std::vector<Span>& spans) {
  std::string condition;
  for (const auto& [from, to] : spans) {
    condition += (condition.empty() ? "" : " OR ") +
                 fmt::format("({0} >= {1} AND {0} < {2})", buckets.sql(), from, to);
  }
  return condition.empty() ? "false" : condition;
}

// Selects (what VARCHAR, the key, tm_row_hash) of each row that differs. Rows under one key are
// numbered, so that each copy needs one on the other side.
std::string by_key(const std::vector<std::string>& key) {
  std::string columns;
  for (const std::string& name : key)
    columns += fmt::format("coalesce(source_.{0}, target_.{0}) AS {0}, ", duck::quote_name(name));
  const std::string numbered = fmt::format(
      "SELECT *, row_number() OVER (PARTITION BY {} ORDER BY tm_row_hash) AS tm_number FROM ",
      duck::quote_list(key));
  return fmt::format(
      "SELECT CASE WHEN target_.tm_number IS NULL THEN 'missing' WHEN source_.tm_number IS NOT "
      "NULL "
      "THEN 'different' WHEN target_.tm_number > 1 THEN 'doubled' ELSE 'only in the target' END AS "
      "what, {0}source_.tm_row_hash AS tm_row_hash FROM ({1}{2}) AS source_ FULL OUTER JOIN "
      "({1}{3}) "
      "AS target_ ON {4} AND source_.tm_number = target_.tm_number WHERE source_.tm_row_hash IS "
      "DISTINCT FROM target_.tm_row_hash",
      columns, numbered, expected_table, target_table, same_key(key, "source_", "target_"));
}

// The same where rows are told apart by all they hold, as often as they are there.
std::string by_row(const std::vector<std::string>& names) {
  const std::string numbered =
      "SELECT *, row_number() OVER (PARTITION BY tm_row_hash) AS tm_number FROM ";
  std::string columns;
  for (const std::string& name : names)
    columns += fmt::format("coalesce(source_.{0}, target_.{0}) AS {0}, ", duck::quote_name(name));
  return fmt::format(
      "SELECT CASE WHEN target_.tm_number IS NULL THEN 'missing' ELSE 'only in the target' END AS "
      "what, {0}source_.tm_row_hash AS tm_row_hash FROM ({1}{2}) AS source_ FULL OUTER JOIN "
      "({1}{3}) AS target_ ON source_.tm_row_hash = target_.tm_row_hash AND source_.tm_number = "
      "target_.tm_number WHERE source_.tm_number IS NULL OR target_.tm_number IS NULL",
      columns, numbered, expected_table, target_table);
}

// For a line of a terminal: nothing in it moves the cursor, and it ends.
std::string shown(const std::string& text) {
  constexpr std::size_t length_max = 200;
  std::string line;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    const bool inside = (byte & 0xC0U) == 0x80U;  // of a character
    if (line.size() >= length_max && !inside) return line + "...";
    if (byte < 0x20 || byte == 0x7F) {
      line += fmt::format("\\x{:02x}", byte);
    } else {
      line += c;
    }
  }
  return line;
}

}  // namespace

std::vector<Span> spans_of(const std::vector<int>& numbers) {
  std::vector<Span> spans;
  for (const int number : numbers) {
    if (!spans.empty() && spans.back().second == number) {
      ++spans.back().second;
    } else {
      spans.emplace_back(number, number + 1);
    }
  }
  return spans;
}

std::vector<std::string> Comparison::told_by() const {
  return compared_.key.empty() ? compared_.schema.names() : compared_.key;
}

Result<Buckets> Comparison::buckets(Side& rows, Cancel& cancel) {
  const Column& first = compared_.schema.columns[*compared_.schema.find(compared_.place.front())];
  const bool ranges = Buckets::can_range(first);
  std::int64_t total = 0;
  std::optional<std::int64_t> least;
  std::optional<std::int64_t> largest;
  const std::string column = ranges ? duck::quote_name(first.name) : "0";
  const auto look = [&](duck::Connection& engine, const std::string& from) -> Status {
    TM_TRY(const duck::Answer answer,
           engine.query_waiting(fmt::format(
               "SELECT count(*), CAST(min({0}) AS BIGINT), CAST(max({0}) AS BIGINT) FROM {1}",
               column, from)));
    total += answer.integer(0, 0);
    if (!answer.text(0, 1)) return {};
    least = std::min(least.value_or(INT64_MAX), answer.integer(0, 1));
    largest = std::max(largest.value_or(INT64_MIN), answer.integer(0, 2));
    return {};
  };
  TM_CHECK(rows.scan({}, Side::Readers::one, look, cancel));
  const int count =
      static_cast<int>(std::clamp<std::int64_t>(total / rows_of_bucket, 1, buckets_max));
  if (!ranges || !least) return Buckets::of_hash(compared_.place, count);
  return Buckets::of_ranges(first, *least, *largest, count);
}

Result<std::vector<Digest>> Comparison::digests(Side& rows, const Hashed& hashed,
                                                const Buckets& buckets,
                                                const std::vector<Span>& spans, Cancel& cancel) {
  std::vector<Digest> digests(static_cast<std::size_t>(buckets.count()));
  if (spans.empty()) return digests;
  const bool all = spans.size() == 1 && spans.front() == Span{0, buckets.count()};
  std::mutex adds;
  const auto add = [&](duck::Connection& engine, const std::string& from) -> Status {
    const std::string wanted =
        all ? from : "(SELECT * FROM " + from + " WHERE " + in_spans(buckets, spans) + ")";
    TM_TRY(const duck::Answer some, engine.query_waiting(digest_sql(buckets, hashed, wanted)));
    const std::lock_guard lock(adds);
    add_digests(some, digests);
    return {};
  };
  TM_CHECK(rows.scan(ranges_of(buckets, spans), Side::Readers::all, add, cancel));
  return digests;
}

Status Comparison::collect(Side& side, const std::string& table, const std::string& columns,
                           const std::vector<RowRange>& ranges, const std::string& condition,
                           Cancel& cancel) {
  std::string none;
  for (const Column& column : compared_.schema.columns) {
    none +=
        (none.empty() ? "" : ", ") +
        fmt::format("CAST(NULL AS {}) AS {}", sql_name(column.type), duck::quote_name(column.name));
  }
  TM_CHECK(engine_.execute(
      fmt::format("CREATE OR REPLACE TEMP TABLE {} AS SELECT {} FROM (SELECT {}) LIMIT 0", table,
                  columns, none)));
  const auto insert = [&](duck::Connection& engine, const std::string& from) {
    return engine.execute_waiting(fmt::format("INSERT INTO {} SELECT {} FROM {} AS rows_ WHERE {}",
                                              table, columns, from, condition));
  };
  return side.scan(ranges, Side::Readers::one, insert, cancel);
}

Result<Differences> Comparison::find(Side& expected, Side& target, Side* changed,
                                     const Buckets& buckets, const std::vector<int>& which,
                                     Cancel& cancel) {
  if (which.empty()) return Differences{};
  const std::vector<Span> spans = spans_of(which);
  const std::vector<RowRange> ranges = ranges_of(buckets, spans);
  const std::string condition = in_spans(buckets, spans);
  const std::vector<std::string> names = told_by();
  const std::string columns = duck::quote_list(names) + ", " +
                              row_hash_sql(hashed_columns(compared_.schema)) + " AS tm_row_hash";
  TM_CHECK(collect(expected, expected_table, columns, ranges, condition, cancel));
  TM_CHECK(collect(target, target_table, columns, ranges, condition, cancel));
  const std::string found = compared_.key.empty() ? by_row(names) : by_key(names);
  std::string later = "false";
  // Last: whatever changed before its row was read here is among them.
  if (changed != nullptr && !compared_.key.empty()) {
    TM_CHECK(collect(*changed, changed_table, duck::quote_list(names), {}, "true", cancel));
    later = fmt::format("EXISTS (SELECT 1 FROM {} AS changed WHERE {})", changed_table,
                        same_key(names, "changed", "found"));
  }
  TM_CHECK(engine_.execute(
      fmt::format("CREATE OR REPLACE TEMP TABLE {} AS SELECT *, {} AS tm_later FROM ({}) AS found",
                  found_table, later, found)));
  return count(buckets);
}

Result<Differences> Comparison::count(const Buckets& buckets) {
  Differences differences;
  TM_TRY(const duck::Answer faulty,
         engine_.query(fmt::format("SELECT DISTINCT {0} AS bucket FROM {1} WHERE what <> 'only in "
                                   "the target' ORDER BY bucket",
                                   buckets.sql(), found_table)));
  for (std::size_t row = 0; row < faulty.rows(); ++row)
    differences.buckets.push_back(static_cast<int>(faulty.integer(row, 0)));
  const auto rows_that = [&](const std::string& are) {
    return engine_.count(fmt::format("SELECT count(*) FROM {} WHERE {}", found_table, are));
  };
  TM_TRY(differences.pending, rows_that("tm_later AND what <> 'only in the target'"));
  TM_CHECK(engine_.execute(fmt::format("DELETE FROM {} WHERE tm_later", found_table)));
  TM_TRY(differences.missing, rows_that("what = 'missing'"));
  TM_TRY(differences.different, rows_that("what = 'different'"));
  TM_TRY(differences.doubled, rows_that("what = 'doubled'"));
  TM_TRY(differences.only_in_target, rows_that("what = 'only in the target'"));
  const std::vector<std::string> names = told_by();
  TM_TRY(const duck::Answer rows,
         engine_.query(fmt::format(
             "SELECT what, {0} FROM {1} ORDER BY what = 'only in the target', {0} LIMIT {2}",
             duck::quote_list(names), found_table, examples_max)));
  for (std::size_t row = 0; row < rows.rows(); ++row) {
    std::string text = rows.text(row, 0).value_or("") + ":";
    for (std::size_t at = 0; at < names.size(); ++at)
      text += " " + names[at] + "=" + rows.text(row, at + 1).value_or("NULL");
    differences.examples.push_back(shown(text));
  }
  return differences;
}

std::string Comparison::missing_of(const std::string& batch) const {
  if (compared_.key.empty()) return "SELECT * FROM " + batch;
  return fmt::format(
      "SELECT * FROM {} AS rows_ WHERE EXISTS (SELECT 1 FROM {} AS found WHERE what = 'missing' "
      "AND "
      "{})",
      batch, found_table, same_key(compared_.key, "found", "rows_"));
}

Result<std::string> Comparison::batch(Side& expected, const Buckets& buckets,
                                      const std::vector<int>& which, Cancel& cancel) {
  const std::vector<Span> spans = spans_of(which);
  const std::string columns = duck::quote_list(compared_.schema.names());
  const std::string wanted =
      fmt::format("(SELECT * FROM {} WHERE what <> 'only in the target')", found_table);
  const std::string hash = row_hash_sql(hashed_columns(compared_.schema));
  if (!compared_.key.empty()) {
    const std::string condition =
        fmt::format("({}) AND EXISTS (SELECT 1 FROM {} AS found WHERE {})",
                    in_spans(buckets, spans), wanted, same_key(compared_.key, "found", "rows_"));
    TM_CHECK(collect(expected, batch_table, columns, ranges_of(buckets, spans), condition, cancel));
    return std::string(batch_table);
  }
  // Rows that are the same in all they hold are so many copies of one.
  const std::string condition = fmt::format("({}) AND {} IN (SELECT tm_row_hash FROM {})",
                                            in_spans(buckets, spans), hash, wanted);
  TM_CHECK(collect(expected, copies_table, columns, ranges_of(buckets, spans), condition, cancel));
  TM_CHECK(engine_.execute(fmt::format(
      "CREATE OR REPLACE TEMP TABLE {0} AS SELECT {1} FROM (SELECT *, {2} AS tm_row_hash, "
      "row_number() OVER (PARTITION BY {2}) AS tm_number FROM {3}) AS copies JOIN (SELECT "
      "tm_row_hash, count(*) AS tm_count FROM {4} GROUP BY tm_row_hash) AS found USING "
      "(tm_row_hash) WHERE tm_number <= tm_count",
      batch_table, columns, hash, copies_table, wanted)));
  return std::string(batch_table);
}

}  // namespace tidemark
