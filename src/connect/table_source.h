// What sources of databases have in common: the query as it is written, the columns a job declares,
// and rows whose watermark is NULL. Pure; any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "connect/source.h"
#include "spec/job_spec.h"

namespace tidemark {

// The text of a query without the semicolon people end it with.
std::string without_semicolon(std::string query);

// The type that a job declares for a column, as written.
std::optional<std::string> declared_type(const SourceSpec& spec, const std::string& column);
// `plan.no_column` where a job declares a column that the source has not.
Status check_declared(const SourceSpec& spec, const Schema& schema);

// Rows are counted up to one more than this.
inline constexpr std::int64_t null_cursors_counted_max = 100'000;
// Whether a window reads rows whose `watermark` is NULL.
bool reads_null_cursors(NullCursor nulls, const Window& window);
// `nulls` rows have no value in `cursor`: an Error, or a note in `bound`, as the job says.
Status judge_null_cursors(const SourceSpec& spec, const std::string& cursor, std::int64_t nulls,
                          WindowBound& bound);

}  // namespace tidemark
