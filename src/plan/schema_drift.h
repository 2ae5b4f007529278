// Schema drift: how the columns of a source differ from those that the last load of a stream
// carried. Values and texts; pure, any thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "model/schema.h"

namespace tidemark {

// Some targets fold case, so names that differ in it only are taken for one.
bool same_name(const std::string& left, const std::string& right);

enum class ColumnChangeKind { added, dropped, retyped };
std::string_view to_string(ColumnChangeKind kind);  // `new`, `dropped`, `retyped`

struct ColumnChange {
  ColumnChangeKind kind = ColumnChangeKind::added;
  std::string column;
  std::optional<Type> before;  // not of a new one
  std::optional<Type> now;     // not of a dropped one
  // A new column of the type of a dropped one, and the reverse: it may have been renamed.
  std::string maybe_renamed;
  friend bool operator==(const ColumnChange&, const ColumnChange&) = default;
};

// New and retyped columns in the order of `now`, then dropped ones in the order of `known`. Names
// compare exactly, types as they are staged. The order of columns does not matter. A dropped and a
// new column that differ in upper and lower case only may have been renamed before any other.
std::vector<ColumnChange> compare_columns(const Schema& known, const Schema& now);

// ``column `x` (INTEGER) is new``, ``column `y` (DATE) is gone, maybe renamed to `z` ``.
std::string describe(const ColumnChange& change);
// The same of all, separated by `; `.
std::string describe(const std::vector<ColumnChange>& changes);

// The columns as the target's ledger keeps them: a JSON array of [name, type].
std::string carried_text(const Schema& columns);
// `target.ledger_unreadable` where it is not what carried_text wrote.
Result<Schema> parse_carried(const std::string& text);

}  // namespace tidemark
