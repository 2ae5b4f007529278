// What sources of databases have in common: the query as it is written, the columns a job declares,
// and rows whose watermark is NULL. Pure; any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "connect/source.h"
#include "spec/job_spec.h"

namespace tidemark {

class Guard;

// The text of a query without the semicolon people end it with.
std::string without_semicolon(std::string query);

// The type that a job declares for a column, as written.
std::optional<std::string> declared_type(const SourceSpec& spec, const std::string& column);
// `plan.no_column` where a job declares a column that the source has not.
Status check_declared(const SourceSpec& spec, const Schema& schema);

// The names of `schema` that are not among `columns`.
std::vector<std::string> all_but(const Schema& schema, const std::vector<std::string>& columns);
// `source.keys_behind`: a server that may lack rows which were read elsewhere is not asked for
// keys.
Error keys_behind(const std::string& what, const std::string& hint);

// `a, b, c`
std::string comma_list(const std::vector<std::string>& items);

// A query whether one of the rows of `relation` that `condition` is true of, or of all where it is
// empty, has a value in one of the columns. `quote` writes a name in the source's SQL.
std::string holds_value_sql(const std::string& relation, const std::vector<std::string>& columns,
                            std::string (*quote)(std::string_view name),
                            const std::string& condition);

// A condition that is true of the rows of Source::keep_to, in parentheses; empty: of all.
std::string ranges_condition(const std::vector<RowRange>& ranges,
                             std::string (*quote)(std::string_view name));
// Two conditions of which each may be empty, as one.
std::string both(const std::string& one, const std::string& other);

// How many bytes a run may scan to find its window, also where nothing guards the connection.
std::int64_t scan_limit(const Guard* guard);

// Whether a job's watermark that names no column is an expression in the server's SQL:
// `coalesce(updated_at, created_at)`.
bool is_expression(const Schema& schema, const std::string& watermark);

// Rows are counted up to one more than this.
inline constexpr std::int64_t null_cursors_counted_max = 100'000;
// Whether a window reads rows whose `watermark` is NULL.
bool reads_null_cursors(NullCursor nulls, const Window& window);
// `nulls` rows have no value in `cursor`: an Error, or a note in `bound`, as the job says.
Status judge_null_cursors(const SourceSpec& spec, const std::string& cursor, std::int64_t nulls,
                          WindowBound& bound);

}  // namespace tidemark
