// Whole reads: a table or the answer of a query, from MySQL into the engine in one snapshot.
//
// For dimensions and for people's questions, not for streams: there is no stage and no quarantine,
// so a value the engine cannot hold exactly is an Error. Free functions; blocking; they block the
// engine connection of the caller, which is in no transaction.
#pragma once

#include <string>

#include "base/cancel.h"
#include "base/result.h"
#include "connect/whole_read.h"
#include "connectors/mysql/source.h"
#include "drivers/duckdb/engine.h"

namespace tidemark::mysql {

// The rows of `sql`, which is MySQL's own, in their order. Reads in a read-only transaction.
Result<duck::Answer> read_answer(const SourceAccess& access, const std::string& sql,
                                 duck::Connection& engine, Cancel& cancel);

// The first of them, as many as the question's limits allow; the server ends the statement then.
Result<BoundedAnswer> read_some(const SourceAccess& access, const Question& question,
                                duck::Connection& engine, Cancel& cancel);

// The same rows as a temporary table of the engine, made or replaced.
Status copy_answer(const SourceAccess& access, const std::string& sql, const std::string& table,
                   duck::Connection& engine, Cancel& cancel);

// Makes or replaces `"database"."schema"."table"` of the engine, an in-memory copy of the table
// that `written` (`[database.]table`) names there; a database of MySQL is a schema of the engine.
// Without one it is the connection's, and the copy stands in the engine's default schema. With
// `columns` the copy stays empty.
Status copy_table(const SourceAccess& access, const std::string& written, CopyDepth depth,
                  const std::string& database, duck::Connection& engine, Cancel& cancel);

}  // namespace tidemark::mysql
