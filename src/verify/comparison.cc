#include "verify/comparison.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

namespace tidemark {
namespace {

constexpr std::int64_t rows_of_bucket = 20'000;
constexpr std::int64_t buckets_max = 1'024;
constexpr const char* expected_table = "tm_verify_expected";
constexpr const char* target_table = "tm_verify_target";
constexpr const char* changed_table = "tm_verify_changed";

std::string list_of(const std::vector<std::string>& names, const std::string& from = {}) {
  std::string list;
  for (const std::string& name : names)
    list += (list.empty() ? "" : ", ") + from + duck::quote_name(name);
  return list;
}

std::string same_key(const std::vector<std::string>& key, const char* left, const char* right) {
  std::string condition;
  for (const std::string& name : key) {
    const std::string column = duck::quote_name(name);
    condition += fmt::format("{}{}.{} IS NOT DISTINCT FROM {}.{}", condition.empty() ? "" : " AND ",
                             left, column, right, column);
  }
  return condition;
}

std::vector<RowRange> ranges_of(const Buckets& buckets, const std::vector<Comparison::Span>& spans) {
  std::vector<RowRange> ranges;
  for (const auto& [from, to] : spans) {
    if (from == 0 && to == buckets.count()) return {};
    if (const auto range = buckets.range(from, to)) ranges.push_back(*range);
  }
  return ranges;
}

std::string in_spans(const Buckets& buckets, const std::vector<Comparison::Span>& spans) {
  std::string condition;
  for (const auto& [from, to] : spans) {
    condition += (condition.empty() ? "" : " OR ") +
                 fmt::format("({0} >= {1} AND {0} < {2})", buckets.sql(), from, to);
  }
  return condition.empty() ? "false" : condition;
}

// A SELECT of (what VARCHAR, the names) that says of each row that differs what it is.
std::string by_key(const std::vector<std::string>& key) {
  const std::string same = same_key(key, "source_", "target_");
  std::string columns;
  for (const std::string& name : key) {
    const std::string column = duck::quote_name(name);
    columns += fmt::format(", coalesce(source_.{0}, target_.{0}) AS {0}", column);
  }
  return fmt::format(
      "SELECT CASE WHEN target_.tm_there IS NULL THEN 'missing' WHEN source_.tm_there IS NULL THEN "
      "'only in the target' ELSE 'different' END AS what{0} FROM (SELECT *, true AS tm_there FROM "
      "{1}) AS source_ FULL OUTER JOIN (SELECT *, true AS tm_there FROM {2}) AS target_ ON {3} "
      "WHERE source_.tm_row_hash IS DISTINCT FROM target_.tm_row_hash",
      columns, expected_table, target_table, same);
}

// The same where rows are told by all they hold, as often as they are there.
std::string by_row(const std::vector<std::string>& names) {
  const std::string numbered =
      "SELECT *, row_number() OVER (PARTITION BY tm_row_hash) AS tm_number FROM ";
  std::string columns;
  for (const std::string& name : names)
    columns += fmt::format(", coalesce(source_.{0}, target_.{0}) AS {0}", duck::quote_name(name));
  return fmt::format(
      "SELECT CASE WHEN target_.tm_number IS NULL THEN 'missing' ELSE 'only in the target' END AS "
      "what{0} FROM ({1}{2}) AS source_ FULL OUTER JOIN ({1}{3}) AS target_ ON source_.tm_row_hash "
      "= target_.tm_row_hash AND source_.tm_number = target_.tm_number WHERE source_.tm_number IS "
      "NULL OR target_.tm_number IS NULL",
      columns, numbered, expected_table, target_table);
}

}  // namespace

std::vector<Comparison::Span> spans_of(const std::vector<int>& numbers) {
  std::vector<Comparison::Span> spans;
  for (const int number : numbers) {
    if (!spans.empty() && spans.back().second == number) {
      ++spans.back().second;
    } else {
      spans.emplace_back(number, number + 1);
    }
  }
  return spans;
}

Result<Buckets> Comparison::buckets(Cancel& cancel) {
  const std::vector<std::string>& key =
      compared_.key.empty() ? compared_.schema.names() : compared_.key;
  const Column& first = compared_.schema.columns[*compared_.schema.find(key.front())];
  const bool ranges = !compared_.key.empty() && Buckets::can_range(first);
  std::int64_t rows = 0;
  std::optional<std::int64_t> least;
  std::optional<std::int64_t> largest;
  const std::string column = ranges ? duck::quote_name(first.name) : "0";
  TM_CHECK(target_.scan(
      {},
      [&](const std::string& from) -> Status {
        TM_TRY(const duck::Answer answer,
               engine_.query(fmt::format("SELECT count(*), CAST(min({0}) AS BIGINT), "
                                         "CAST(max({0}) AS BIGINT) FROM {1}",
                                         column, from)));
        rows += answer.integer(0, 0);
        if (!answer.text(0, 1)) return {};
        least = std::min(least.value_or(INT64_MAX), answer.integer(0, 1));
        largest = std::max(largest.value_or(INT64_MIN), answer.integer(0, 2));
        return {};
      },
      cancel));
  const int count =
      static_cast<int>(std::clamp<std::int64_t>(rows / rows_of_bucket, 1, buckets_max));
  if (!ranges || !least) return Buckets::of_hash(key, count);
  return Buckets::of_ranges(first, *least, *largest, count);
}

Result<std::vector<Digest>> Comparison::digests(Which which, const Buckets& buckets,
                                                const std::vector<Span>& spans, Cancel& cancel) {
  std::vector<Digest> digests(static_cast<std::size_t>(buckets.count()));
  if (spans.empty()) return digests;
  Side& side = which == Which::expected ? expected_ : target_;
  const bool all = spans.size() == 1 && spans.front() == Span{0, buckets.count()};
  TM_CHECK(side.scan(
      ranges_of(buckets, spans),
      [&](const std::string& from) {
        const std::string rows =
            all ? from : "(SELECT * FROM " + from + " WHERE " + in_spans(buckets, spans) + ")";
        return add_digests(engine_, digest_sql(buckets, compared_.schema, rows), digests);
      },
      cancel));
  return digests;
}

Status Comparison::collect(Side& side, const char* table, const std::string& columns,
                           const std::vector<RowRange>& ranges, const std::string& condition,
                           Cancel& cancel) {
  bool made = false;
  return side.scan(
      ranges,
      [&](const std::string& from) {
        const std::string rows = "SELECT " + columns + " FROM " + from + " WHERE " + condition;
        const std::string sql = made ? std::string("INSERT INTO ") + table + " " + rows
                                     : std::string("CREATE OR REPLACE TEMP TABLE ") + table +
                                           " AS " + rows;
        made = true;
        return engine_.execute(sql);
      },
      cancel);
}

Result<Differences> Comparison::differences(const Buckets& buckets, const std::vector<int>& which,
                                            Cancel& cancel) {
  if (which.empty()) return Differences{};
  const std::vector<Span> spans = spans_of(which);
  const std::vector<RowRange> ranges = ranges_of(buckets, spans);
  const std::string condition = in_spans(buckets, spans);
  const std::vector<std::string> names =
      compared_.key.empty() ? compared_.schema.names() : compared_.key;
  const std::string columns =
      list_of(names) + ", " + row_hash_sql(compared_.schema) + " AS tm_row_hash";
  TM_CHECK(collect(expected_, expected_table, columns, ranges, condition, cancel));
  TM_CHECK(collect(target_, target_table, columns, ranges, condition, cancel));
  // Last: whatever changed before its row was read here is among them.
  TM_CHECK(engine_.execute(fmt::format("CREATE OR REPLACE TEMP TABLE {} AS SELECT {} FROM {} "
                                       "LIMIT 0",
                                       changed_table, list_of(names), target_table)));
  if (changed_ != nullptr && !compared_.key.empty())
    TM_CHECK(collect(*changed_, changed_table, list_of(names), {}, "true", cancel));
  return tell(compared_.key.empty() ? by_row(names) : by_key(names), names, buckets);
}

Result<Differences> Comparison::tell(const std::string& found,
                                     const std::vector<std::string>& names,
                                     const Buckets& buckets) {
  constexpr const char* table = "tm_verify_found";
  TM_CHECK(engine_.execute(fmt::format(
      "CREATE OR REPLACE TEMP TABLE {} AS SELECT found.*, {} AS tm_bucket FROM ({}) AS found WHERE "
      "NOT EXISTS (SELECT FROM {} AS changed WHERE {})",
      table, buckets.sql(), found, changed_table, same_key(names, "changed", "found"))));
  Differences differences;
  const auto count = [&](const char* what) {
    return engine_.count(fmt::format("SELECT count(*) FROM {} WHERE what = '{}'", table, what));
  };
  TM_TRY(differences.missing, count("missing"));
  TM_TRY(differences.different, count("different"));
  TM_TRY(differences.only_in_target, count("only in the target"));
  TM_TRY(const duck::Answer buckets_found,
         engine_.query(fmt::format("SELECT DISTINCT tm_bucket FROM {} WHERE what <> 'only in the "
                                   "target' ORDER BY tm_bucket",
                                   table)));
  for (std::size_t row = 0; row < buckets_found.rows(); ++row)
    differences.buckets.push_back(static_cast<int>(buckets_found.integer(row, 0)));
  TM_TRY(const duck::Answer rows,
         engine_.query(fmt::format("SELECT what, {0} FROM {1} ORDER BY what = 'only in the target', "
                                   "{0} LIMIT {2}",
                                   list_of(names), table, examples_max)));
  for (std::size_t row = 0; row < rows.rows(); ++row) {
    std::string text = rows.text(row, 0).value_or("") + ":";
    for (std::size_t at = 0; at < names.size(); ++at)
      text += " " + names[at] + "=" + rows.text(row, at + 1).value_or("NULL");
    differences.examples.push_back(std::move(text));
  }
  return differences;
}

}  // namespace tidemark
