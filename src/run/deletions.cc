#include "run/deletions.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/units.h"
#include "connect/staged_table.h"

namespace tidemark {

namespace {

constexpr const char* deleted_table = "_tm_deleted_rows";
constexpr const char* settled_view = "_tm_settled";
constexpr const char* kept_view = "_tm_kept";
constexpr const char* older_table = "_tm_older_versions";
constexpr const char* living_view = "_tm_living";
constexpr const char* keys_table = "_tm_gone_keys";

Schema key_schema(const RowKey& key) {
  Schema schema;
  schema.columns = key.columns;
  return schema;
}

std::string key_list(const RowKey& key) {
  return duck::quote_list(key_schema(key).names());
}

class Work {
 public:
  Work(const DeletionsInput& input, Transformed& rows, duck::Connection& engine)
      : input_(input), rows_(rows), engine_(engine) {}

  Result<Deletions> run() {
    Deletions none{no_staged_rows(key_schema(input_.key)), RowCount(0), 0};
    TM_TRY(const std::int64_t found, find());
    if (found == 0) {
      if (marks())
        TM_CHECK(name_living("(SELECT *, false AS _tm_deleted FROM " + rows_.good + ")", "true"));
      return none;
    }
    TM_CHECK(settle());
    Deletions deletions = std::move(none);
    TM_TRY(deletions.older_dropped, drop_older());
    TM_CHECK(name_living(
        kept_, marks() ? "_tm_reject IS NULL" : "_tm_reject IS NULL AND NOT _tm_deleted"));
    TM_TRY(deletions.keys,
           make_staged_table(keys_table, keys_sql(), key_schema(input_.key), engine_));
    TM_TRY(deletions.deleted, count());
    return deletions;
  }

 private:
  bool marks() const { return !input_.mark.empty(); }

  Result<std::int64_t> find() {
    if (input_.condition.empty()) return 0;
    if (!input_.unclear.empty()) {
      TM_TRY(const duck::Answer unclear,
             engine_.query("SELECT count(*), any_value(" + duck::quote_name(input_.column) +
                           ") FROM (" + input_.stage + ") WHERE " + input_.unclear));
      if (unclear.integer(0, 0) > 0) {
        return source_error("source.unclear_delete",
                            "column `" + input_.column + "` is text, and " +
                                show_count(unclear.integer(0, 0)) +
                                " rows hold what is no time there, for example `" +
                                unclear.text(0, 1).value_or("").substr(0, 60) +
                                "`: nobody can tell whether they are deleted",
                            Retry::never,
                            "name a column that is true or false, or a time; a `query` can make "
                            "one");
      }
    }
    TM_CHECK(engine_.execute(fmt::format(
        "CREATE OR REPLACE TEMP TABLE {} AS SELECT _tm_segment AS s, _tm_row AS r FROM ({}) WHERE "
        "{}",
        deleted_table, input_.stage, input_.condition)));
    return engine_.count(std::string("SELECT count(*) FROM temp.") + deleted_table);
  }

  // The rows as they are, except that those are good of which only the key is wanted.
  Status settle() {
    const std::string pardoned =
        marks() || !input_.from_refused
            ? "false"
            : "gone.r IS NOT NULL AND rows._tm_reject IS NOT NULL AND NOT rows._tm_reject.dropped "
              "AND (" +
                  refused_key_sql(input_.key) + ") IS NOT NULL";
    return engine_.execute(fmt::format(
        "CREATE OR REPLACE TEMP VIEW {} AS SELECT * EXCLUDE (_tm_pardoned) REPLACE (CASE WHEN "
        "_tm_pardoned THEN NULL ELSE _tm_reject END AS _tm_reject), _tm_pardoned AND "
        "_tm_reject.step > 0 AS _tm_late FROM (SELECT rows.*, gone.r IS NOT NULL AS _tm_deleted, "
        "{} "
        "AS _tm_pardoned FROM {} AS rows LEFT JOIN temp.{} AS gone ON rows._tm_segment = gone.s "
        "AND rows._tm_row = gone.r)",
        settled_view, pardoned, rows_.marked, deleted_table));
  }

  // A row that a step refused did not take part when the newest version was chosen.
  Result<std::int64_t> drop_older() {
    kept_ = std::string("temp.") + settled_view;
    if (marks()) return 0;
    TM_TRY(const std::int64_t late,
           engine_.count("SELECT count(*) FROM " + kept_ + " WHERE _tm_late"));
    if (late == 0) return 0;
    const char* way = input_.key.newest_first ? "DESC" : "ASC";
    // What has gone through the steps is chosen where they make the order.
    std::string order = input_.key.order_of_steps || input_.key.order_written ? "_tm_late, " : "";
    if (!input_.key.order.empty())
      order += fmt::format("{} {} NULLS LAST, ", duck::quote_name(input_.key.order), way);
    const std::string key = key_list(input_.key);
    TM_CHECK(engine_.execute(fmt::format(
        "CREATE OR REPLACE TEMP TABLE {older} AS SELECT _tm_segment AS s, _tm_row AS r FROM {kept} "
        "WHERE _tm_reject IS NULL AND ({key}) IN (SELECT ({key}) FROM {kept} WHERE _tm_late) "
        "QUALIFY row_number() OVER (PARTITION BY {key} ORDER BY {order} _tm_segment {way}, _tm_row "
        "{way}) > 1",
        fmt::arg("older", older_table), fmt::arg("kept", kept_), fmt::arg("key", key),
        fmt::arg("order", order), fmt::arg("way", way))));
    TM_CHECK(
        engine_.execute(fmt::format("CREATE OR REPLACE TEMP VIEW {} AS SELECT rows.* FROM {} AS "
                                    "rows ANTI JOIN temp.{} AS older "
                                    "ON rows._tm_segment = older.s AND rows._tm_row = older.r",
                                    kept_view, kept_, older_table)));
    kept_ = std::string("temp.") + kept_view;
    return engine_.count(std::string("SELECT count(*) FROM temp.") + older_table);
  }

  Status name_living(const std::string& from, const std::string& where) {
    std::string columns = duck::quote_list(rows_.schema.names());
    if (marks()) {
      columns += ", CASE WHEN _tm_deleted THEN TIMESTAMPTZ " +
                 duck::quote_text(input_.found_at + "+00") + " END AS " +
                 duck::quote_name(input_.mark);
      rows_.schema.columns.push_back({input_.mark, Type::of(TypeKind::timestamptz), true, {}});
    }
    rows_.good = living_view;
    return engine_.execute(
        fmt::format("CREATE OR REPLACE TEMP VIEW {} AS SELECT {} FROM {} WHERE {}", living_view,
                    columns, from, where));
  }

  std::string keys_sql() const {
    const std::string key = key_list(input_.key);
    if (!marks())
      return fmt::format(
          "SELECT DISTINCT {} FROM {} WHERE _tm_reject IS NULL AND _tm_deleted AND {} IS NOT NULL",
          key, kept_, row_key_sql(input_.key.columns));
    // Of rows that cannot be loaded with their mark.
    return fmt::format(
        "SELECT DISTINCT {key} FROM {kept} WHERE _tm_deleted AND _tm_reject IS NOT NULL AND NOT "
        "_tm_reject.dropped AND ({known}) IS NOT NULL AND ({key}) NOT IN (SELECT ({key}) FROM "
        "{kept} WHERE _tm_reject IS NULL)",
        fmt::arg("key", key), fmt::arg("kept", kept_),
        fmt::arg("known", refused_key_sql(input_.key)));
  }

  // What is left of each kind; the rows that were chosen to go.
  Result<RowCount> count() {
    rows_.marked = kept_;
    rows_.refusals.relation =
        "SELECT _tm_segment, _tm_row, _tm_reject.rule AS rule, _tm_reject.\"column\" AS "
        "\"column\", _tm_reject.message AS message FROM " +
        kept_ + " WHERE _tm_reject IS NOT NULL AND NOT _tm_reject.dropped";
    TM_TRY(
        const duck::Answer counted,
        engine_.query("SELECT count(*) FILTER (_tm_reject IS NULL AND NOT _tm_deleted), count(*) "
                      "FILTER (_tm_reject IS NULL AND _tm_deleted) FROM " +
                      kept_));
    const RowCount deleted(marks() ? 0 : counted.integer(0, 1));
    rows_.rows = RowCount(counted.integer(0, 0) + counted.integer(0, 1) - deleted.get());
    TM_TRY(const duck::Answer rules,
           engine_.query("SELECT rule, count(*) FROM (" + rows_.refusals.relation +
                         ") GROUP BY rule ORDER BY rule"));
    rows_.refused_by.clear();
    std::int64_t refused = 0;
    for (std::size_t row = 0; row < rules.rows(); ++row) {
      rows_.refused_by.push_back(
          {rules.text(row, 0).value_or(""), RowCount(rules.integer(row, 1))});
      refused += rules.integer(row, 1);
    }
    rows_.refusals.rows = RowCount(refused);
    return deleted;
  }

  const DeletionsInput& input_;
  Transformed& rows_;
  duck::Connection& engine_;
  std::string kept_;
};

}  // namespace

std::string found_now(const Clock& clock) {
  std::string text = to_text(clock.now_utc());
  std::replace(text.begin(), text.end(), 'T', ' ');
  if (text.ends_with('Z')) text.pop_back();
  return text;
}

Result<Deletions> take_out_deleted(const DeletionsInput& input, Transformed& rows,
                                   duck::Connection& engine) {
  return Work(input, rows, engine).run();
}

}  // namespace tidemark
