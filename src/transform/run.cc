#include <algorithm>
#include <map>

#include "transform/transform.h"

namespace tidemark {

namespace {

// What one part of a transform reads and leaves in the engine.
struct PartSql {
  std::string
      marked;  // the SELECT of out columns and hidden ones, or empty when only `plain` is needed
  std::string table;     // the relation it becomes
  bool as_view = false;  // refuses nothing, and is cheap or hardly read: no copy
  std::string asks;      // has a row where checks, for which alone it is no view, mark one
  std::string query;     // the `sql` step over it
  std::string query_table;
};

std::string null_reject() {
  return "CAST(NULL AS " + std::string(reject_type) + ")";
}

// The rows a part starts from, with all hidden columns.
std::string base_sql(const CompiledTransform& transform, std::size_t at, const std::string& stage) {
  const TransformPart& part = transform.parts[at];
  const std::string columns = with_hidden(quoted(part.in.names()));
  const std::string hidden = ", _tm_reject";
  const std::string visible = columns.substr(0, columns.size() - hidden.size());
  if (at == 0) {
    return "SELECT " + visible + ", " + null_reject() + " AS _tm_reject FROM (" + stage + ")";
  }
  const int number = transform.parts[at - 1].query->number;
  std::string list;
  for (const std::string& name : quoted(part.in.names()))
    list += name + ", ";
  return "SELECT " + list + std::to_string(-number) + " AS _tm_segment, rowid AS _tm_row, " +
         null_reject() + " AS _tm_reject FROM temp._tm_query_" + std::to_string(number);
}

PartSql part_sql(const CompiledTransform& transform, std::size_t at, const TransformInput& input) {
  const TransformPart& part = transform.parts[at];
  PartSql sql;
  std::string chain =
      "WITH _tm_base AS NOT MATERIALIZED (" + base_sql(transform, at, input.rows) + ")";
  sql.as_view = true;
  for (const CompiledStep& step : part.steps) {
    if (!step.only_columns && !input.steps_refuse_none) sql.as_view = false;
    for (const NamedQuery& query : step.queries)
      chain += ",\n" + query.name + (query.once ? " AS MATERIALIZED (" : " AS NOT MATERIALIZED (") +
               query.sql + ")";
  }
  const bool is_last = at + 1 == transform.parts.size();
  std::string last = part.last;
  if (is_last && input.checks) {
    if (sql.as_view && input.marks) sql.asks = chain + "\n" + input.marks(last) + " LIMIT 1";
    chain += ",\n_tm_checked AS (" + input.checks(last) + ")";
    last = "_tm_checked";
    sql.as_view = false;
  }
  sql.marked = chain + "\nSELECT " + with_hidden(quoted(part.out.names())) + " FROM " + last;
  // Two names, because a view cannot replace a table that an earlier run left, nor a table a view.
  sql.table = (sql.as_view ? "_tm_view_" : "_tm_rows_") + std::to_string(at);
  if (part.query) {
    sql.query_table = "_tm_query_" + std::to_string(part.query->number);
    sql.query = "WITH rows AS (SELECT " + duck::quote_list(part.out.names()) + " FROM temp." +
                sql.table + " WHERE _tm_reject IS NULL)\nSELECT * FROM (\n" +
                part.query->queries.front().sql + "\n)";
  }
  return sql;
}

std::string create_sql(const std::string& name, const std::string& select, bool as_view) {
  // An earlier run on this connection may have left one of the same name.
  return "CREATE OR REPLACE TEMP " + std::string(as_view ? "VIEW " : "TABLE ") + name + " AS " +
         select;
}

std::string drop_sql(const std::string& name, bool as_view) {
  return "DROP " + std::string(as_view ? "VIEW" : "TABLE") + " IF EXISTS temp." + name;
}

class Run {
 public:
  Run(const CompiledTransform& transform, const TransformInput& input, duck::Connection& connection,
      Cancel& cancel)
      : transform_(transform), input_(input), connection_(connection), cancel_(cancel) {}

  Result<Transformed> run() {
    for (std::size_t at = 0; at < transform_.parts.size(); ++at) {
      TM_CHECK(cancel_.check());
      TM_CHECK(make_lookups(transform_.parts[at]));
      TM_CHECK(run_part(at));
    }
    TM_CHECK(name_good_rows());
    name_refusals();
    return std::move(out_);
  }

 private:
  Status make(const std::string& name, const std::string& select, bool as_view) {
    TM_CHECK(connection_.execute(create_sql(name, select, as_view)));
    out_.tables.insert(out_.tables.begin(), drop_sql(name, as_view));
    return {};
  }

  Status make_lookups(const TransformPart& part) {
    for (const CompiledStep& step : part.steps) {
      for (const LookupTable& lookup : step.lookups) {
        TM_CHECK(connection_.execute(lookup.create));
        out_.tables.insert(out_.tables.begin(), lookup.drop);
        TM_TRY(const duck::Answer doubled, connection_.query(lookup.doubled));
        if (doubled.rows() == 0) continue;
        std::string key;
        for (std::size_t at = 0; at < lookup.columns.size(); ++at) {
          key += (at == 0 ? "" : ", ") + lookup.columns[at] + " = " +
                 doubled.text(0, at).value_or("NULL");
        }
        return user_error("transform.doubled_key",
                          "`" + lookup.label + "` has more than one row for " + key +
                              ", so the lookup would multiply rows",
                          "look up by a key that is unique there, or make its rows unique");
      }
    }
    return {};
  }

  Status run_part(std::size_t at) {
    const TransformPart& part = transform_.parts[at];
    TM_TRY(const PartSql sql, sql_of_part(at));
    TM_CHECK(make(sql.table, sql.marked, sql.as_view));
    TM_TRY(const std::int64_t rows_in, rows_of_base(at));
    if (at == 0) out_.rows_in = RowCount(rows_in);
    TM_TRY(std::int64_t now, count_part(part, sql, rows_in));
    origins_.push_back(origin(at));
    relations_.push_back(sql.table);
    if (!part.query) {
      out_.rows = RowCount(now);
      return {};
    }
    TM_CHECK(cancel_.check());
    TM_CHECK(make(sql.query_table, sql.query, false));
    TM_TRY(query_rows_, connection_.count("SELECT count(*) FROM temp." + sql.query_table));
    out_.steps.push_back({part.query->number, part.query->kind, part.query->label, RowCount(now),
                          RowCount(query_rows_), RowCount(0), RowCount(0)});
    return {};
  }

  // Most loads refuse nothing. To ask first costs the columns that the checks read; to mark the
  // rows costs a copy of all of them.
  Result<PartSql> sql_of_part(std::size_t at) {
    PartSql sql = part_sql(transform_, at, input_);
    if (sql.asks.empty()) return sql;
    TM_TRY(const duck::Answer refused, connection_.query_waiting(sql.asks));
    if (refused.rows() > 0) return sql;
    TransformInput unchecked = input_;
    unchecked.checks = nullptr;
    return part_sql(transform_, at, unchecked);
  }

  Result<std::int64_t> rows_of_base(std::size_t at) {
    if (at > 0) return query_rows_;
    if (input_.count) return input_.count->get();
    return connection_.count("SELECT count(*) FROM (" + input_.rows + ")");
  }

  // Counts per step; returns how many rows are good.
  Result<std::int64_t> count_part(const TransformPart& part, const PartSql& sql,
                                  std::int64_t rows_in) {
    std::map<int, StepCounts> by_step;
    std::int64_t good = 0;
    std::int64_t total = 0;
    std::int64_t rejects = 0;
    if (!sql.as_view) {
      TM_TRY(rejects, connection_.count("SELECT count(_tm_reject) FROM temp." + sql.table));
    }
    // Grouping costs 2 ms also where there is nothing to group.
    const std::string counts =
        rejects == 0
            ? "SELECT NULL, NULL, NULL, count(*) FROM temp." + sql.table
            : "SELECT _tm_reject.step, _tm_reject.dropped, _tm_reject.rule, count(*) FROM temp." +
                  sql.table + " GROUP BY ALL ORDER BY ALL";
    TM_TRY(const duck::Answer answer, connection_.query(counts));
    for (std::size_t row = 0; row < answer.rows(); ++row) {
      const std::int64_t count = answer.integer(row, 3);
      total += count;
      if (!answer.text(row, 0)) {
        good += count;
        continue;
      }
      StepCounts& step = by_step[static_cast<int>(answer.integer(row, 0))];
      const bool dropped = answer.text(row, 1) == "true";
      RowCount& kind = dropped ? step.merged : step.refused;
      kind = RowCount(kind.get() + count);
      RowCount& all = dropped ? out_.dropped : out_.refusals.rows;
      all = RowCount(all.get() + count);
      if (!dropped) out_.refused_by.push_back({answer.text(row, 2).value_or(""), RowCount(count)});
    }
    if (total != rows_in) {
      return internal_error("run.count_mismatch",
                            "the steps made " + std::to_string(total) + " of " +
                                std::to_string(rows_in) + " rows; nothing was loaded",
                            Retry::never, "a step but `sql` must keep the number of rows");
    }
    std::int64_t now = rows_in;
    for (const CompiledStep& step : part.steps) {
      StepCounts counted = by_step[step.number];
      counted.step = step.number;
      counted.kind = step.kind;
      counted.label = step.label;
      counted.in = RowCount(now);
      now -= counted.refused.get() + counted.merged.get();
      counted.out = RowCount(now);
      out_.steps.push_back(std::move(counted));
    }
    // What the steps did not refuse, the rules (step 0) did.
    TM_ASSERT(now - by_step[0].refused.get() == good);
    return good;
  }

  RowOrigin origin(std::size_t at) const {
    RowOrigin origin;
    origin.schema = transform_.parts[at].in;
    if (at == 0) {
      origin.relation = input_.rows;
      origin.label = "segment";
      return origin;
    }
    const int number = transform_.parts[at - 1].query->number;
    std::string columns;
    for (const std::string& name : quoted(origin.schema.names()))
      columns += name + ", ";
    origin.relation = "SELECT " + columns + std::to_string(-number) +
                      " AS _tm_segment, rowid AS _tm_row FROM temp._tm_query_" +
                      std::to_string(number);
    origin.label = "sql step " + std::to_string(number);
    origin.is_stage = false;
    origin.segment = -number;
    return origin;
  }

  Status name_good_rows() {
    out_.good = "_tm_good";
    out_.schema = transform_.out;
    out_.marked = "temp." + relations_.back();
    return make(out_.good,
                "SELECT " + duck::quote_list(transform_.out.names()) + " FROM " + out_.marked +
                    " WHERE _tm_reject IS NULL",
                true);
  }

  void name_refusals() {
    std::string all;
    for (std::size_t at = 0; at < transform_.parts.size(); ++at) {
      all += (at == 0 ? "" : " UNION ALL ") +
             ("SELECT _tm_segment, _tm_row, _tm_reject.rule AS rule, _tm_reject.\"column\" AS "
              "\"column\", "
              "_tm_reject.message AS message FROM temp." +
              relations_[at] + " WHERE _tm_reject IS NOT NULL AND NOT _tm_reject.dropped");
    }
    out_.refusals.relation = all;
    out_.refusals.origins = std::move(origins_);
  }

  const CompiledTransform& transform_;
  const TransformInput& input_;
  duck::Connection& connection_;
  Cancel& cancel_;
  Transformed out_;
  std::vector<RowOrigin> origins_;      // of each part
  std::vector<std::string> relations_;  // of each part: its rows with `_tm_reject`
  std::int64_t query_rows_ = 0;
};

}  // namespace

bool CompiledTransform::row_wise() const {
  return parts.size() == 1 && std::all_of(parts.front().steps.begin(), parts.front().steps.end(),
                                          [](const CompiledStep& step) { return step.row_wise; });
}

std::string row_wise_sql(const CompiledTransform& transform, const std::string& relation) {
  TM_ASSERT(transform.row_wise());
  TransformInput input;
  input.rows = "SELECT *, 0 AS _tm_segment, 0::BIGINT AS _tm_row FROM " + relation;
  return "SELECT " + duck::quote_list(transform.out.names()) + " FROM (" +
         part_sql(transform, 0, input).marked + ") WHERE _tm_reject IS NULL";
}

Result<Transformed> run_transform(const CompiledTransform& transform, const TransformInput& input,
                                  duck::Connection& connection, Cancel& cancel) {
  return Run(transform, input, connection, cancel).run();
}

Status release(const Transformed& transformed, duck::Connection& connection) {
  // Views before what they read: the list has the last made first.
  for (const std::string& drop : transformed.tables)
    TM_CHECK(connection.execute(drop));
  return {};
}

std::vector<std::string> describe_sql(const CompiledTransform& transform,
                                      const TransformInput& input) {
  std::vector<std::string> out;
  for (std::size_t at = 0; at < transform.parts.size(); ++at) {
    for (const CompiledStep& step : transform.parts[at].steps) {
      for (const LookupTable& lookup : step.lookups)
        out.push_back(lookup.create);
    }
    const PartSql sql = part_sql(transform, at, input);
    out.push_back(create_sql(sql.table, sql.marked, sql.as_view));
    if (!sql.query.empty()) out.push_back(create_sql(sql.query_table, sql.query, false));
  }
  return out;
}

}  // namespace tidemark
