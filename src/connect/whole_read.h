// Whole reads: all rows of a source into the engine, for dimensions and for people's questions.
// There is no stage and no quarantine, so a value the engine cannot hold exactly is an Error. Free
// functions; blocking; they block the engine connection of the caller, which is in no transaction.
#pragma once

#include <string>

#include "connect/question.h"
#include "connect/source.h"
#include "drivers/duckdb/engine.h"
#include "spec/job_spec.h"

namespace tidemark {

// A source that is what the query answers.
SourceSpec query_source(std::string sql);

// Runs `before` + a SELECT of all rows. `as_text` writes a column's name as text in the source's
// SQL, for the hint where a value cannot be held.
Result<duck::Answer> read_whole(Source& source, const std::string& before,
                                std::string (*as_text)(const std::string& column),
                                duck::Connection& engine, Cancel& cancel);

// The first rows of the source, as many as the question's limits allow; see connect/question.h.
// What the source does beyond them is stopped.
Result<BoundedAnswer> read_some(Source& source, const Question& question,
                                std::string (*as_text)(const std::string& column),
                                duck::Connection& engine, Cancel& cancel);

enum class CopyDepth { columns, rows };

// A table of the engine. Without a schema it stands in the engine's default one.
struct EngineTable {
  std::string database;
  std::string schema;
  std::string table;
};

// Makes or replaces the table, an in-memory copy of all rows; with `columns` it stays empty.
Status copy_whole(Source& source, CopyDepth depth, const EngineTable& to,
                  std::string (*as_text)(const std::string& column), duck::Connection& engine,
                  Cancel& cancel);

}  // namespace tidemark
