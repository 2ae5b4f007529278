#include "cli/row_commands.h"

#include <algorithm>
#include <filesystem>
#include <utility>
#include <vector>

#include "cli/access_commands.h"
#include "cli/progress.h"
#include "cli/text_table.h"
#include "run/refused_row.h"

namespace tidemark {
namespace {

JsonValue or_null(const std::optional<std::string>& text) {
  return text ? JsonValue(*text) : JsonValue();
}

JsonValue document(const std::vector<EditedValue>& values) {
  JsonArray list;
  for (const EditedValue& value : values)
    list.push_back(JsonValue().set("column", value.column).set("value", or_null(value.text)));
  return list;
}

// The values as they came, in the order of the payload; none where there are bytes alone.
Result<std::vector<EditedValue>> values_of(const RefusedRow& row) {
  if (!row.payload) return std::vector<EditedValue>();
  return values_in(*row.payload);
}

const EditedValue* edited(const RefusedRow& row, const std::string& column) {
  if (row.edits.empty()) return nullptr;
  const std::vector<EditedValue>& values = row.edits.back().values;
  const auto found = std::find_if(values.begin(), values.end(),
                                  [&](const EditedValue& value) { return value.column == column; });
  return found == values.end() ? nullptr : &*found;
}

std::string type_of(const RefusedRow& row, const std::string& column) {
  const auto at = row.staged ? row.staged->find(column) : std::nullopt;
  return at ? sql_name(row.staged->columns[*at].type) : std::string();
}

Result<JsonValue> document(const RefusedRow& row) {
  TM_TRY(const std::vector<EditedValue> values, values_of(row));
  JsonArray columns;
  for (const EditedValue& value : values) {
    const EditedValue* const now = edited(row, value.column);
    const std::string type = type_of(row, value.column);
    JsonValue json;
    json.set("column", value.column).set("type", type.empty() ? JsonValue() : JsonValue(type));
    json.set("value", or_null(value.text)).set("is_edited", now != nullptr);
    columns.push_back(json.set("edited", now == nullptr ? JsonValue() : or_null(now->text)));
  }
  JsonArray edits;
  for (const RefusedRow::Edit& edit : row.edits) {
    JsonValue json;
    json.set("edit", edit.number).set("by", edit.by).set("at", edit.at);
    edits.push_back(json.set("values", document(edit.values)));
  }
  JsonArray tries;
  for (const RefusedRow::Try& one : row.tries) {
    JsonValue json;
    json.set("run_id", one.run).set("at", one.at).set("rule", one.rule);
    tries.push_back(json.set("column", or_null(one.column)).set("message", one.message));
  }
  JsonValue json;
  json.set("id", row.id).set("job", row.stream.job.get()).set("stream", row.stream.stream.get());
  json.set("run_id", row.run).set("seq", row.seq.get()).set("rule", row.rule);
  json.set("column", or_null(row.column)).set("message", row.message);
  json.set("locator", row.locator).set("refused_at", row.refused_at);
  json.set("state", row.state()).set("resolved_at", or_null(row.resolved_at));
  json.set("resolution", or_null(row.resolution)).set("columns", std::move(columns));
  json.set("raw", or_null(row.raw)).set("edits", std::move(edits)).set("tries", std::move(tries));
  json.set("no_edit", row.untouched ? JsonValue(row.untouched->message) : JsonValue());
  return json.set("version", row.version());
}

std::string shown(const std::optional<std::string>& text) {
  return text.value_or("NULL");
}

Result<std::string> page(const RefusedRow& row, int width) {
  TextTable facts;
  facts.header = {"refused row", row.id};
  facts.right = {false, false};
  const auto add = [&](const char* name, const std::string& text) {
    if (!text.empty()) facts.rows.push_back({name, text});
  };
  add("state", row.resolution.value_or("open"));
  add("rule", row.rule + (row.column ? ", column " + *row.column : ""));
  add("reason", row.message);
  for (const RefusedRow::Try& one : row.tries)
    add("again", one.at + " run " + one.run + ", " + one.rule + ": " + one.message);
  add("run",
      row.run + (row.stream.stream.get() == "main" ? "" : ", stream " + row.stream.stream.get()));
  add("stood at", row.locator);
  add("refused", row.refused_at);
  for (const RefusedRow::Edit& edit : row.edits) {
    std::string columns;
    for (const EditedValue& value : edit.values)
      columns += (columns.empty() ? "" : ", ") + value.column;
    add("edit", std::to_string(edit.number) + " of " + edit.at + " by " + edit.by + ": " + columns);
  }
  if (row.untouched) add("no edit", row.untouched->message);
  if (row.raw) add("raw", *row.raw);
  std::string text = print_table(facts, width);
  TM_TRY(const std::vector<EditedValue> values, values_of(row));
  if (values.empty()) return text;
  TextTable table;
  table.header = {"column", "type", "edited", "value"};
  table.right = {false, false, false, false};
  for (const EditedValue& value : values) {
    const EditedValue* const now = edited(row, value.column);
    table.rows.push_back({value.column, type_of(row, value.column),
                          now == nullptr ? std::string() : shown(now->text), shown(value.text)});
  }
  return text + "\n" + print_table(table, width);
}

Status tell(const Call& call, const RefusedRow& row) {
  if (call.line.json) {
    TM_TRY(const JsonValue json, document(row));
    call.print_json(json);
    return {};
  }
  TM_TRY(const std::string text, page(row, call.output.page_columns()));
  call.print(text);
  return {};
}

// What --set, --null and --values say together.
Result<std::vector<EditedValue>> values_asked(const CommandLine& line) {
  std::vector<EditedValue> values;
  if (!line.row_values.empty()) {
    TM_TRY(values, values_in(line.row_values));
  }
  for (const std::string& set : line.row_sets) {
    const std::size_t sign = set.find('=');
    if (sign == std::string::npos || sign == 0)
      return user_error("user.usage", "--set: `" + set + "` is no COLUMN=VALUE",
                        "write for example --set amount=12.50");
    values = laid_over(std::move(values), {{set.substr(0, sign), set.substr(sign + 1)}});
  }
  for (const std::string& column : line.row_nulls)
    values = laid_over(std::move(values), {{column, std::nullopt}});
  if (values.empty())
    return user_error("user.no_values", "the edit changes no column",
                      "write for example --set amount=12.50, or --null COLUMN");
  return values;
}

std::string names_of(const std::vector<EditedValue>& values) {
  std::string names;
  for (const EditedValue& value : values)
    names += (names.empty() ? "" : ", ") + value.column;
  return names;
}

}  // namespace

int show_refused_row(const Call& call) {
  auto outcome = [&]() -> Result<int> {
    TM_TRY(auto workspace, open_good(call));
    TM_TRY(const JobSpec job, workspace->finder().to_look_at(call.line.names[1]));
    TM_TRY(const std::vector<std::filesystem::path> stopped, workspace->refused_files(job.name));
    const RowParts parts{workspace->project(), call.around.connectors, workspace->engine(),
                         call.around.files};
    TM_TRY(const RefusedRow row,
           find_refused_row(parts, job, call.line.names[2], stopped, call.cancel));
    TM_CHECK(tell(call, row));
    return exit_done;
  }();
  return outcome.ok() ? *outcome : fail(call, outcome.error());
}

int edit_row(const Call& call) {
  auto outcome = [&]() -> Result<int> {
    const CommandLine& line = call.line;
    TM_TRY(auto workspace, open_good(call));
    const std::string& id = line.names[2];
    TM_TRY(const JobSpec* job, workspace->finder().in_project(line.names[1]));
    RowEditRequest request;
    request.row = id;
    TM_TRY(request.values, values_asked(line));
    // Who asked over the network is known to the API alone; a command of a shell, or over the
    // service's socket, could name anybody.
    const bool is_of_api = !call.around.request.empty();
    if (!line.by_whom.empty() && !is_of_api)
      return user_error("user.usage", "--by is for the service", "leave it out");
    request.by = line.by_whom.empty() ? deed_of_user().name : line.by_whom;
    if (!line.row_version.empty()) request.of = line.row_version;
    request.wait = line.wait;
    TM_CHECK(workspace->claim("quarantine edit " + job->name.get(), line.wait, call.cancel));
    TM_CHECK(note_deed(call, *workspace, "quarantine.edit",
                       job->name.get() + " " + id + ": " + names_of(request.values)));
    ProgressView progress(call);
    TM_TRY(Store * store, workspace->store());
    TM_TRY(const std::vector<std::filesystem::path> stopped, workspace->refused_files(job->name));
    TM_TRY(const RefusedRow row, edit_refused_row(workspace->parts(*store, progress), *job, stopped,
                                                  request, call.cancel));
    progress.end();
    TM_CHECK(tell(call, row));
    if (!line.json)
      call.tell("`tidemark replay --quarantined " + job->name.get() + " --id " + id +
                "` loads it\n");
    return exit_done;
  }();
  return outcome.ok() ? *outcome : fail(call, outcome.error());
}

}  // namespace tidemark
