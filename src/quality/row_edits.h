// Row edits: what people changed in refused rows, and how that stands in quarantine beside them.
//
// A refused row stays as it was refused. An edit of it is another row of tidemark_quarantine, which
// is closed from the start, and so is what became of a row that was tried again and refused again.
// Both have the id of the refused row as their row_key. They are written and read with the means
// that every target has for refused rows. Values and SQL; the connection's thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "connect/sink.h"
#include "drivers/duckdb/engine.h"

namespace tidemark {

// The rule under which edits stand.
inline constexpr std::string_view edit_rule = "edit";

struct EditedValue {
  std::string column;
  std::optional<std::string> text;  // nothing: NULL
  friend bool operator==(const EditedValue&, const EditedValue&) = default;
};

// The newest holds what all before it changed.
struct RowEdit {
  std::string row;          // the id of the refused row
  std::int64_t number = 0;  // from 1; 0: the row has tries and no edit
  std::vector<EditedValue> values;
  std::string tried{};     // why the newest try since the edit was refused; empty: none was
  std::int64_t tries = 0;  // of the row
};
// More tries of a row are not written down.
inline constexpr std::int64_t row_tries_max = 100;

// How `tried` is made of a rule and a message; SQL of the engine too.
std::string why_tried(const std::string& rule, const std::string& message);
std::string why_tried_sql(const std::string& rule, const std::string& message);

// SQL of the id of a refused row, over its columns; the same in the SQL of every target. `job` is
// SQL too.
std::string row_id_sql(const std::string& job);
// What row_id_sql() gives: 32 hex digits.
bool is_row_id(std::string_view text);

// The locators of an edit and of a try.
std::string edit_locator(std::int64_t number, const std::string& locator);
std::string try_locator(const RunId& run, const std::string& locator);
// The number of an edit by its locator, and the run of a try; nothing for any other.
std::optional<std::int64_t> edit_number(std::string_view locator);
std::optional<std::string> try_run(std::string_view locator);

// How the values of an edit stand in its payload, and back.
std::string payload_of(const std::vector<EditedValue>& values);
Result<std::vector<EditedValue>> values_in(const std::string& payload);
// `values` over `before`: a column that both have is as `values` say.
std::vector<EditedValue> laid_over(std::vector<EditedValue> before,
                                   const std::vector<EditedValue>& values);

// The refused row that an edit is of, and the edit.
struct EditRow {
  StreamId stream;
  std::string run;  // that refused the row
  Seq seq;
  std::string locator;
  RowEdit edit;
  std::string by;
  std::string at;  // ISO-8601 with its zone
};
// The edit as a refused row, for LoadTxn::quarantine, and how it is closed at once, for
// LoadTxn::close_refused. They live in the connection until the next ones.
struct StagedEdit {
  StagedTable rows;
  StagedTable closed;
};
Result<StagedEdit> stage_edit(const EditRow& edit, duck::Connection& connection);
// The name in the message of an edit.
std::string editor_in(const std::string& message);

// A query in the SQL of any target: row_key, locator, payload, rule, message, refused_at of the
// edits and tries of the open rows of a job.
std::string select_edits(const JobName& job);
// The newest edit of each row in its answer, with what became of it.
Result<std::vector<RowEdit>> newest_edits(const duck::Answer& answer);

}  // namespace tidemark
