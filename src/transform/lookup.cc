#include "transform/lookup.h"

#include "base/nearest.h"

namespace tidemark {

namespace {

// Keys of one class compare exactly; the engine would convert between classes, and fail or round.
enum class KeyClass { exact_number, floating, text, other };

KeyClass key_class(const Type& type) {
  switch (type.kind) {
    case TypeKind::int8:
    case TypeKind::int16:
    case TypeKind::int32:
    case TypeKind::int64:
    case TypeKind::int128:
    case TypeKind::uint8:
    case TypeKind::uint16:
    case TypeKind::uint32:
    case TypeKind::uint64:
    case TypeKind::decimal:
      return KeyClass::exact_number;
    case TypeKind::float32:
    case TypeKind::float64:
      return KeyClass::floating;
    case TypeKind::varchar:
      return KeyClass::text;
    case TypeKind::boolean:
    case TypeKind::json:
    case TypeKind::blob:
    case TypeKind::uuid:
    case TypeKind::date:
    case TypeKind::time:
    case TypeKind::timetz:
    case TypeKind::timestamp:
    case TypeKind::timestamptz:
    case TypeKind::timestamp_ns:
    case TypeKind::interval:
    case TypeKind::list:
      return KeyClass::other;
    case TypeKind::engine:
      return type.engine_name.starts_with("ENUM") ? KeyClass::text : KeyClass::other;
  }
  return KeyClass::other;
}

bool keys_compare(const Type& rows, const Type& dimension) {
  const KeyClass left = key_class(rows);
  if (left != key_class(dimension)) return false;
  if (left == KeyClass::other) return rows == dimension;
  return left != KeyClass::floating || rows == dimension;
}

struct KeyPair {
  std::string dimension;
  std::string rows;
};

struct Added {
  std::string name;
  std::string dimension;
  Type type;
  std::optional<std::string> default_text;
};

class LookupCompiler {
 public:
  LookupCompiler(const LookupStep& spec, const StepInput& step)
      : spec_(spec), step_(step), label_(table_label(spec.from)) {}

  std::optional<CompiledStep> compile() {
    auto dimension = step_.connection.describe("SELECT * FROM " + table_path(spec_.from));
    if (!dimension.ok()) {
      step_.faults.add(
          step_.file, spec_.from.connection.at,
          "the table `" + label_ + "` cannot be read: " + plain_message(dimension.error().message));
      return std::nullopt;
    }
    dimension_ = std::move(dimension).value();
    read_keys();
    read_added();
    read_defaults();
    if (!good_) return std::nullopt;
    return build();
  }

 private:
  void fault(Location at, std::string message, std::string hint = {}) {
    step_.faults.add(step_.file, at, std::move(message), std::move(hint));
    good_ = false;
  }

  std::optional<std::size_t> dimension_column(const Name& name) {
    if (auto at = find_column(dimension_, name.value)) return at;
    const auto near = nearest_word(name.value, dimension_.names());
    fault(name.at, "`" + label_ + "` has no column `" + name.value + "`",
          near ? "did you mean `" + *near + "`?" : "");
    return std::nullopt;
  }

  void read_keys() {
    if (spec_.match.empty()) fault(step_.at, "lookup needs `match`, the columns that find the row");
    for (const NamePair& pair : spec_.match) {
      // `match: {dest: faa}`: the rows' column, then the dimension's.
      const auto here = require_column(step_, pair.from);
      const auto there = dimension_column(pair.to);
      if (!there || !here) {
        good_ = false;
        continue;
      }
      const Column& left = step_.in.columns[*here];
      const Column& right = dimension_.columns[*there];
      if (!keys_compare(left.type, right.type)) {
        fault(pair.from.at,
              "`" + left.name + "` is " + sql_name(left.type) + " and `" + label_ + "." +
                  right.name + "` is " + sql_name(right.type) + ": they cannot be compared exactly",
              "put a `cast` step before the lookup");
      }
      keys_.push_back({right.name, left.name});
    }
  }

  void read_added() {
    Schema out = step_.in;
    if (spec_.add.empty())
      fault(step_.at, "lookup needs `add`, the columns to take from `" + label_ + "`");
    for (const NamePair& pair : spec_.add) {
      const auto there = dimension_column(pair.to);
      if (!require_free(step_, out, pair.from)) good_ = false;
      if (!there) continue;
      const Type& type = dimension_.columns[*there].type;
      added_.push_back({pair.from.value, dimension_.columns[*there].name, type, std::nullopt});
      put_column(out, pair.from.value, type);
    }
    out_ = std::move(out);
  }

  void read_defaults() {
    for (const DefaultValue& value : spec_.defaults) {
      Added* found = nullptr;
      std::vector<std::string> names;
      for (Added& added : added_) {
        names.push_back(added.name);
        if (added.name == value.column.value) found = &added;
      }
      if (found == nullptr) {
        const auto near = nearest_word(value.column.value, names);
        fault(value.column.at, "`" + value.column.value + "` is not one of the added columns",
              near ? "did you mean `" + *near + "`?" : "");
        continue;
      }
      if (!value.text) continue;
      auto cast = step_.connection.query(
          "SELECT TRY_CAST($1 AS " + sql_name(found->type) + ") IS NULL", {value.text});
      if (!cast.ok() || cast->integer(0, 0) != 0) {
        fault(value.column.at, "the default `" + *value.text + "` is no " + sql_name(found->type));
        continue;
      }
      found->default_text = value.text;
    }
  }

  LookupTable table(const std::string& name) const {
    LookupTable table;
    table.label = label_;
    std::string columns;
    std::string keys;
    std::string present;
    std::string shown;
    for (std::size_t at = 0; at < keys_.size(); ++at) {
      const std::string key = "_tm_key_" + std::to_string(at);
      columns += duck::quote_name(keys_[at].dimension) + " AS " + key + ", ";
      keys += (at == 0 ? "" : ", ") + key;
      shown += (at == 0 ? "" : ", ") + ("CAST(" + key + " AS VARCHAR)");
      present += (at == 0 ? "" : " AND ") + duck::quote_name(keys_[at].dimension) + " IS NOT NULL";
      table.columns.push_back(keys_[at].dimension);
    }
    for (std::size_t at = 0; at < added_.size(); ++at) {
      columns +=
          duck::quote_name(added_[at].dimension) + " AS _tm_value_" + std::to_string(at) + ", ";
    }
    table.create = "CREATE OR REPLACE TEMP TABLE " + name + " AS SELECT " + columns +
                   "true AS _tm_found FROM " + table_path(spec_.from) + " WHERE " + present;
    table.doubled =
        "SELECT " + shown + " FROM " + name + " GROUP BY " + keys + " HAVING count(*) > 1 LIMIT 1";
    table.drop = "DROP TABLE IF EXISTS temp." + name;
    return table;
  }

  CompiledStep build() const {
    CompiledStep compiled;
    compiled.number = step_.number;
    compiled.kind = "lookup";
    compiled.label = "lookup " + label_;
    compiled.out = out_;
    const std::string name = "_tm_lookup_" + std::to_string(step_.number);
    compiled.lookups.push_back(table(name));

    std::string condition;
    std::vector<std::string> row_keys;
    for (std::size_t at = 0; at < keys_.size(); ++at) {
      condition += (at == 0 ? "" : " AND ") + ("rows." + duck::quote_name(keys_[at].rows)) +
                   " = found._tm_key_" + std::to_string(at);
      row_keys.push_back(keys_[at].rows);
    }
    std::string values;
    std::vector<std::string> gone{"_tm_found"};
    std::vector<ColumnValue> columns;
    for (std::size_t at = 0; at < added_.size(); ++at) {
      const std::string value = "_tm_value_" + std::to_string(at);
      values += "found." + value + ", ";
      gone.push_back(value);
      std::string sql = "rows." + value;
      if (spec_.missing == MissingKey::use_default && added_[at].default_text) {
        sql = "CASE WHEN rows._tm_found IS NULL THEN CAST(" +
              duck::quote_text(*added_[at].default_text) + " AS " + sql_name(added_[at].type) +
              ") ELSE " + sql + " END";
      }
      columns.push_back({added_[at].name, sql, false});
    }
    const std::string joined = step_relation(step_.number, "_joined");
    compiled.queries.push_back({joined, "SELECT rows.*, " + values + "found._tm_found FROM " +
                                            step_.input + " AS rows LEFT JOIN temp." + name +
                                            " AS found ON " + condition});
    std::string reject;
    if (spec_.missing == MissingKey::quarantine) {
      const std::string message = "concat(" + duck::quote_text("no row in " + label_ + " for ") +
                                  ", " + values_sql(row_keys, step_.in) + ")";
      reject = "CASE WHEN rows._tm_reject IS NULL AND rows._tm_found IS NULL THEN " +
               reject_sql(step_.number, compiled.label, row_keys.front(), message) +
               " ELSE rows._tm_reject END";
    }
    compiled.queries.push_back(
        {step_relation(step_.number), extend_sql(joined, columns, reject, gone)});
    return compiled;
  }

  const LookupStep& spec_;
  const StepInput& step_;
  std::string label_;
  Schema dimension_;
  Schema out_;
  std::vector<KeyPair> keys_;
  std::vector<Added> added_;
  bool good_ = true;
};

}  // namespace

std::string table_label(const TableRef& table) {
  return table.connection.value + "." + table.table;
}

std::string table_path(const TableRef& table) {
  std::vector<std::string> parts{table.connection.value};
  std::size_t start = 0;
  while (true) {
    const std::size_t dot = table.table.find('.', start);
    parts.push_back(table.table.substr(start, dot == std::string::npos ? dot : dot - start));
    if (dot == std::string::npos) break;
    start = dot + 1;
  }
  return duck::quote_path(parts);
}

std::optional<CompiledStep> compile_lookup(const LookupStep& spec, const StepInput& step) {
  return LookupCompiler(spec, step).compile();
}

}  // namespace tidemark
