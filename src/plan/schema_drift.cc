#include "plan/schema_drift.h"

#include <algorithm>
#include <cctype>

#include "drivers/json/json.h"

namespace tidemark {

namespace {

// Marks `dropped` and the new column it may have become; each of both in one pair only.
void pair_with_new(ColumnChange& dropped, std::vector<ColumnChange>& changes,
                   bool (*alike)(const ColumnChange& dropped, const ColumnChange& added)) {
  for (ColumnChange& added : changes) {
    if (added.kind != ColumnChangeKind::added || !added.maybe_renamed.empty()) continue;
    if (!alike(dropped, added)) continue;
    dropped.maybe_renamed = added.column;
    added.maybe_renamed = dropped.column;
    return;
  }
}

void pair_renamed(std::vector<ColumnChange>& changes) {
  const auto pair_all = [&](auto alike) {
    for (ColumnChange& change : changes) {
      if (change.kind == ColumnChangeKind::dropped && change.maybe_renamed.empty())
        pair_with_new(change, changes, alike);
    }
  };
  pair_all([](const ColumnChange& dropped, const ColumnChange& added) {
    return same_name(dropped.column, added.column);
  });
  pair_all([](const ColumnChange& dropped, const ColumnChange& added) {
    return sql_name(*dropped.before) == sql_name(*added.now);
  });
}

Error unreadable() {
  return target_error("target.ledger_unreadable",
                      "what tidemark_columns says of the stream is not what Tidemark writes",
                      Retry::never,
                      "delete its row: the next run then takes the table's columns instead");
}

}  // namespace

bool same_name(const std::string& left, const std::string& right) {
  return std::equal(
      left.begin(), left.end(), right.begin(), right.end(),
      [](unsigned char a, unsigned char b) { return std::tolower(a) == std::tolower(b); });
}

std::string_view to_string(ColumnChangeKind kind) {
  switch (kind) {
    case ColumnChangeKind::added:
      return "new";
    case ColumnChangeKind::dropped:
      return "dropped";
    case ColumnChangeKind::retyped:
      return "retyped";
  }
  return "new";
}

std::vector<ColumnChange> compare_columns(const Schema& known, const Schema& now) {
  std::vector<ColumnChange> changes;
  for (const Column& column : now.columns) {
    const auto before = known.find(column.name);
    if (!before) {
      changes.push_back({ColumnChangeKind::added, column.name, std::nullopt, column.type, {}});
    } else if (sql_name(known.columns[*before].type) != sql_name(column.type)) {
      changes.push_back(
          {ColumnChangeKind::retyped, column.name, known.columns[*before].type, column.type, {}});
    }
  }
  for (const Column& column : known.columns) {
    if (now.find(column.name)) continue;
    changes.push_back({ColumnChangeKind::dropped, column.name, column.type, std::nullopt, {}});
  }
  pair_renamed(changes);
  return changes;
}

std::string describe(const ColumnChange& change) {
  const std::string column = "column `" + change.column + "`";
  const std::string maybe =
      change.maybe_renamed.empty()
          ? ""
          : ", maybe renamed " +
                std::string(change.kind == ColumnChangeKind::added ? "from" : "to") + " `" +
                change.maybe_renamed + "`";
  switch (change.kind) {
    case ColumnChangeKind::added:
      return column + " (" + sql_name(*change.now) + ") is new" + maybe;
    case ColumnChangeKind::dropped:
      return column + " (" + sql_name(*change.before) + ") is gone" + maybe;
    case ColumnChangeKind::retyped:
      return column + " was " + sql_name(*change.before) + " and is " + sql_name(*change.now);
  }
  return column;
}

std::string describe(const std::vector<ColumnChange>& changes) {
  std::string text;
  for (const ColumnChange& change : changes)
    text += (text.empty() ? "" : "; ") + describe(change);
  return text;
}

std::string carried_text(const Schema& columns) {
  JsonArray list;
  for (const Column& column : columns.columns)
    list.emplace_back(JsonArray{JsonValue(column.name), JsonValue(sql_name(column.type))});
  return to_json(JsonValue(std::move(list)), JsonLayout::compact);
}

Result<Schema> parse_carried(const std::string& text) {
  auto json = parse_json(text);
  if (!json.ok() || json->array() == nullptr) return unreadable();
  Schema columns;
  for (const JsonValue& item : *json->array()) {
    const JsonArray* pair = item.array();
    if (pair == nullptr || pair->size() != 2) return unreadable();
    const std::string* name = (*pair)[0].string();
    const std::string* type_name = (*pair)[1].string();
    if (name == nullptr || type_name == nullptr) return unreadable();
    auto type = parse_type(*type_name);
    // A type that does not read back as it was written is one that only the engine knows.
    columns.columns.push_back(
        {*name,
         type.ok() && sql_name(*type) == *type_name ? *type : Type::engine(*type_name),
         true,
         {}});
  }
  return columns;
}

}  // namespace tidemark
