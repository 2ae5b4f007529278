// StoredJobTable: jobs whose text stands in the store and not in a file, with their versions:
// etl_stored_jobs. What a text says is for others.
//
// The database outlives it. Every method is safe from any thread and blocks on the database.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "env/clock.h"
#include "store/sql_session.h"

namespace tidemark {

// One version of a job. Versions count from 1 and go on where a job was taken out and put again.
struct StoredJob {
  std::string name;
  std::int64_t version = 0;
  std::optional<std::string> text;  // nothing: from this version on it is out
  std::string set_by;
  UtcMicros set_at;
};

// All jobs that are in, by name, as they were after that many edits.
struct StoredJobs {
  std::int64_t edit = 0;
  std::vector<StoredJob> jobs;
};

class StoredJobTable {
 public:
  // Of each job; older ones are forgotten with the next edit.
  static constexpr std::int64_t versions_max = 100;

  explicit StoredJobTable(SqlDatabase& database) : database_(database) {}

  // None of a store that an older Tidemark made, which has no place for them.
  Result<StoredJobs> all();
  // How often any of them was edited.
  Result<std::int64_t> edits();
  // Newest first.
  Result<std::vector<StoredJob>> versions(const std::string& name);
  Result<std::optional<StoredJob>> find(const std::string& name, std::int64_t version);
  // Also where that takes the job out.
  Result<std::optional<StoredJob>> newest(const std::string& name);
  // The next version of `job`, which says name, text and who. Nothing, and nothing is done, where
  // there was another edit since `seen`, as all() said it.
  Result<std::optional<StoredJob>> edit(const StoredJob& job, std::int64_t seen);

 private:
  // `which`: of the statement, `value` its second parameter.
  Result<std::vector<StoredJob>> select(const std::string& which, const std::string& name,
                                        std::optional<std::int64_t> value = std::nullopt);

  SqlDatabase& database_;
};

}  // namespace tidemark
