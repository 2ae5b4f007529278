#include "quality/row_edits.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <map>

#include "connect/staged_table.h"
#include "drivers/json/json.h"

namespace tidemark {

namespace {

constexpr std::string_view edit_word = "edit ";
constexpr std::string_view try_word = "try ";
constexpr std::string_view of_word = " of ";
constexpr std::string_view by_words = "edited by ";
constexpr std::size_t id_size = 32;

// What stands between `word` and ` of `.
std::optional<std::string_view> between(std::string_view locator, std::string_view word) {
  if (!locator.starts_with(word)) return std::nullopt;
  const std::size_t end = locator.find(of_word, word.size());
  if (end == std::string_view::npos) return std::nullopt;
  return locator.substr(word.size(), end - word.size());
}

}  // namespace

std::string row_id_sql(const std::string& job) {
  return "md5(concat_ws('|', " + job + ", stream, run_id, locator))";
}

bool is_row_id(std::string_view text) {
  return text.size() == id_size && std::all_of(text.begin(), text.end(), [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
         });
}

std::string edit_locator(std::int64_t number, const std::string& locator) {
  return std::string(edit_word) + std::to_string(number) + std::string(of_word) + locator;
}

std::string try_locator(const RunId& run, const std::string& locator) {
  return std::string(try_word) + run.get() + std::string(of_word) + locator;
}

std::optional<std::int64_t> edit_number(std::string_view locator) {
  const auto digits = between(locator, edit_word);
  if (!digits) return std::nullopt;
  std::int64_t number = 0;
  const auto read = std::from_chars(digits->data(), digits->data() + digits->size(), number);
  const bool is_whole = read.ec == std::errc() && read.ptr == digits->data() + digits->size();
  return is_whole && number > 0 ? std::optional(number) : std::nullopt;
}

std::optional<std::string> try_run(std::string_view locator) {
  const auto run = between(locator, try_word);
  return run ? std::optional(std::string(*run)) : std::nullopt;
}

std::string payload_of(const std::vector<EditedValue>& values) {
  JsonValue json{JsonObject()};
  for (const EditedValue& value : values)
    json.set(value.column, value.text ? JsonValue(*value.text) : JsonValue());
  return to_json(json, JsonLayout::compact);
}

Result<std::vector<EditedValue>> values_in(const std::string& payload) {
  TM_TRY(const JsonValue json, parse_json(payload));
  std::vector<EditedValue> values;
  if (json.object() == nullptr)
    return user_error("user.bad_values", "`" + payload + "` is no JSON object",
                      R"(write the values by their columns, as {"amount": "12.50"})");
  for (const JsonMember& member : *json.object()) {
    const std::string* text = member.value.string();
    if (text == nullptr && !member.value.is_null())
      return user_error("user.bad_values",
                        "the value of `" + member.name + "` must be a text or null",
                        R"(write 12.50 as "12.50": a number of JSON may lose digits)");
    values.push_back({member.name, text == nullptr ? std::nullopt : std::optional(*text)});
  }
  return values;
}

std::vector<EditedValue> laid_over(std::vector<EditedValue> before,
                                   const std::vector<EditedValue>& values) {
  for (const EditedValue& value : values) {
    const auto same = std::find_if(before.begin(), before.end(), [&](const EditedValue& one) {
      return one.column == value.column;
    });
    if (same == before.end()) {
      before.push_back(value);
    } else {
      same->text = value.text;
    }
  }
  return before;
}

Result<StagedEdit> stage_edit(const EditRow& edit, duck::Connection& connection) {
  const auto text = [](const std::string& value) { return duck::quote_text(value) + "::VARCHAR"; };
  const std::string locator = edit_locator(edit.edit.number, edit.locator);
  StagedEdit staged;
  TM_TRY(staged.rows,
         make_staged_table(
             "_tm_edit",
             fmt::format("SELECT {} AS job, {} AS stream, {} AS run_id, {}::BIGINT AS seq, {} AS "
                         "rule, NULL::VARCHAR AS column_name, {} AS message, {} AS locator, {} AS "
                         "payload, NULL::BLOB AS raw, CAST({} AS TIMESTAMP WITH TIME ZONE) AS "
                         "refused_at, {} AS row_key",
                         text(edit.stream.job.get()), text(edit.stream.stream.get()),
                         text(edit.run), edit.seq.get(), text(std::string(edit_rule)),
                         text(std::string(by_words) + edit.by), text(locator),
                         text(payload_of(edit.edit.values)), duck::quote_text(edit.at),
                         text(edit.edit.row)),
             quarantine_schema(), connection));
  TM_TRY(staged.closed,
         make_staged_table("_tm_edit_closed",
                           fmt::format("SELECT {} AS run_id, {} AS locator, {} AS resolution",
                                       text(edit.run), text(locator), text("edit by " + edit.by)),
                           closed_schema(), connection));
  return staged;
}

std::string editor_in(const std::string& message) {
  return message.starts_with(by_words) ? message.substr(by_words.size()) : message;
}

std::string why_tried(const std::string& rule, const std::string& message) {
  return rule + ": " + message;
}

std::string why_tried_sql(const std::string& rule, const std::string& message) {
  return "concat(" + rule + ", ': ', " + message + ")";
}

// The names of jobs are letters, digits and some signs; of what else stands there nothing comes
// from a person. Settled rows keep their edits, and no replay asks for those.
std::string select_edits(const JobName& job) {
  const std::string of_job = " FROM tidemark_quarantine WHERE job = " + duck::quote_text(job.get());
  return "SELECT row_key, locator, payload, rule, message, refused_at" + of_job +
         " AND resolved_at IS NOT NULL AND (rule = '" + std::string(edit_rule) +
         "' OR locator LIKE '" + std::string(try_word) + "%') AND row_key IN (SELECT " +
         row_id_sql("job") + of_job + " AND resolved_at IS NULL)";
}

Result<std::vector<RowEdit>> newest_edits(const duck::Answer& answer) {
  struct Known {
    RowEdit edit;
    std::string edited_at;
    std::string tried_at;
  };
  std::map<std::string, Known> newest;
  for (std::size_t at = 0; at < answer.rows(); ++at) {
    const auto text = [&](std::size_t column) { return answer.text(at, column).value_or(""); };
    const std::string row = text(0);
    const auto number = edit_number(text(1));
    const bool is_try = try_run(text(1)).has_value();
    // A rule of a job may have that name too.
    if ((!number && !is_try) || !is_row_id(row)) continue;
    Known& known = newest[row];
    known.edit.row = row;
    if (is_try) {
      ++known.edit.tries;
      if (text(5) < known.tried_at) continue;
      known.tried_at = text(5);
      known.edit.tried = why_tried(text(3), text(4));
    } else if (known.edit.number < *number) {
      TM_TRY(known.edit.values, values_in(text(2)));
      known.edit.number = *number;
      known.edited_at = text(5);
    }
  }
  std::vector<RowEdit> edits;
  for (auto& [row, known] : newest) {
    // A try of what was edited since says nothing of the edit.
    if (known.tried_at < known.edited_at) known.edit.tried.clear();
    edits.push_back(std::move(known.edit));
  }
  return edits;
}

}  // namespace tidemark
