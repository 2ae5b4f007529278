// The store in a schema of a PostgreSQL database, for one server process or several on any
// machines.
//
// Up to `sessions_max` sessions, opened as they are needed. A write is a SERIALIZABLE transaction,
// and is run again where the server could not bring it in line with another. Where the server is
// gone, a piece of work waits for it up to `patience` and is run again. Each session has a row that
// its writes number in their own transactions; where the answer to a COMMIT was lost, that row
// tells whether it happened, so nothing is written twice. (The status of a transaction id would not
// tell: after a crash the server gives ids of transactions that it forgot to others.) The clock is
// the server's.
//
// Errors: as the driver classifies them, with the codes `store.*`; `store.gone` when the server did
// not come back in time, `store.busy` when others were in the way all that time,
// `store.commit_unknown` when nobody can tell whether a write happened.
#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "base/secret.h"
#include "env/clock.h"
#include "store/sql_session.h"

namespace tidemark {

struct PostgresStoreOptions {
  std::string conninfo;  // without a password
  Secret password;
  std::string schema = "tidemark";
  int sessions_max = 4;
  std::chrono::milliseconds patience{60'000};
};

// Makes the schema when it is missing. Does not wait for a server that is not there: a fault of the
// project is to be told at once. The clock is this machine's and outlives what is returned.
Result<std::unique_ptr<SqlDatabase>> open_postgres_database(const PostgresStoreOptions& options,
                                                            const Clock& clock);

}  // namespace tidemark
