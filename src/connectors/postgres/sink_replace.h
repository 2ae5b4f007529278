// A full load into a table that is there, as it runs: replace_rows(). What it runs is composed in
// sink_full.h.
//
// Borrows the load's connection, inside its transaction. After an error only rolling back makes
// sense. One thread.
#pragma once

#include "base/cancel.h"
#include "base/result.h"
#include "connect/sink.h"
#include "connectors/postgres/sink_table.h"
#include "connectors/postgres/table_lock.h"
#include "drivers/duckdb/engine.h"
#include "drivers/postgres/connection.h"

namespace tidemark::postgres {

struct Replacement {
  const StagedTable& rows;
  const LoadTarget& target;
  const LoadSteps& steps;  // composed from the table as it was before the rows were sent
  Fence fence;
  LockPatience patience;
  bool is_filled = false;  // the shadow stands and has the rows
};

// Blocks while the rows are sent and changed. Other writers of the table wait from the lock to the
// end of the transaction, readers do not. Afterwards the table holds as many rows as were loaded.
// REQUIRES steps.full.
Status replace_rows(duck::Connection& engine, Connection& connection, const Replacement& work,
                    Cancel& cancel);

}  // namespace tidemark::postgres
