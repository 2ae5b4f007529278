// A full load into a table that is there, as SQL: FullSteps.
//
// The rows go into a temporary shadow first, which is checked before the table is locked. Then the
// table's rows are changed, never the table: what hangs on it stays, its OID too. By difference:
// only the rows that are gone, changed or new are touched, told apart by a unique key. Without a
// key all rows are deleted and inserted. No TRUNCATE and no new file: snapshots taken before would
// see an empty table.
//
// Pure functions over values; any thread.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "connect/sink.h"
#include "drivers/postgres/names.h"

namespace tidemark::postgres {

struct TableState;

enum class ReplaceWay { difference, rewrite, swap };

// In the order they run. A text is empty where the way has no such step.
struct FullSteps {
  ReplaceWay way = ReplaceWay::rewrite;
  TableName table;
  TableName made;                    // swap: the new table, which is the shadow
  std::string shadow;                // creates the shadow
  std::string copy;                  // COPY ... FROM STDIN, into the shadow
  std::vector<std::string> prepare;  // checks its keys, and tells the server what is in it
  std::string lock;                  // holds other writers off; readers only for a swap
  std::vector<std::string> compare;  // difference: finds the rows that differ
  std::string counts;                // difference: how many are gone, changed and new
  // difference: does it, and says again how many; the second for rows that exchange unique values
  // among each other, which no UPDATE can do row by row: it deletes and inserts the changed rows.
  // Empty where they cannot be updated, or where deleting rows would set something off.
  std::string change_in_place;
  std::string change_by_insert;
  // rewrite: the DELETE, and the INSERT from the shadow. Of a difference too, where most rows
  // differ and nobody can tell: then it is cheaper.
  std::string clear;
  std::string insert;
  std::vector<std::string> swap;  // swap: drops the old table and renames the new one
  std::string verify;             // how many rows the table has
  std::vector<std::string> notes;

  // Those that usually run, for `plan`.
  std::vector<std::string> statements() const;
  friend bool operator==(const FullSteps&, const FullSteps&) = default;
};

// A target fault where the table's triggers, rules or foreign keys do not allow it. REQUIRES a
// table that exists and that the rows fit.
Result<FullSteps> compose_full(const TableState& state, const LoadTarget& target, Fence fence);

}  // namespace tidemark::postgres
