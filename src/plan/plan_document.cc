#include "plan/plan_document.h"

namespace tidemark {

namespace {

JsonValue position_or_null(const std::optional<Position>& position) {
  return position ? JsonValue(position->text) : JsonValue();
}

JsonValue drift_document(const std::vector<DriftEntry>& drift) {
  const auto type = [](const std::optional<Type>& type) {
    return type ? JsonValue(sql_name(*type)) : JsonValue();
  };
  JsonArray entries;
  for (const DriftEntry& entry : drift) {
    JsonValue item;
    item.set("column", entry.change.column).set("change", to_string(entry.change.kind));
    item.set("before", type(entry.change.before)).set("now", type(entry.change.now));
    const std::string& other = entry.change.maybe_renamed;
    item.set("maybe_renamed", other.empty() ? JsonValue() : JsonValue(other));
    entries.push_back(item.set("action", entry.action));
  }
  return entries;
}

}  // namespace

JsonValue window_document(const Window& window) {
  JsonValue json;
  json.set("lo", position_or_null(window.lo)).set("hi", position_or_null(window.hi));
  return json.set("top", position_or_null(window.top));
}

namespace {

JsonValue text_or_null(const std::string& text) {
  return text.empty() ? JsonValue() : JsonValue(text);
}

JsonValue deletes_document(const StreamPlan& stream) {
  if (!stream.deletes) return {};
  JsonValue json;
  json.set("column", text_or_null(stream.deletes->column));
  json.set("mark", text_or_null(stream.target.mark));
  if (!stream.deletes->sweep) return json.set("sweep", JsonValue());
  const SweepPlan& planned = *stream.deletes->sweep;
  JsonArray reads;
  for (const Split& split : planned.splits)
    reads.emplace_back(split.text);
  JsonValue sweep;
  sweep.set("due", planned.due).set("last", planned.why);
  return json.set("sweep", sweep.set("reads", std::move(reads)));
}

}  // namespace

JsonValue plan_document(const JobPlan& plan) {
  JsonArray streams;
  for (const PreparedStream& prepared : plan.streams) {
    const StreamPlan& stream = prepared.plan;
    JsonValue item;
    item.set("stream", stream.id.stream.get()).set("seq", stream.seq.get());
    item.set("window", window_document(stream.bound.window));
    item.set("guarantee", to_string(stream.bound.guarantee)).set("reason", stream.bound.reason);
    item.set("nothing_new", stream.bound.nothing_new);
    item.set("resumes", stream.can_go_on);
    item.set("drift", drift_document(stream.drift));
    item.set("deletes", deletes_document(stream));
    item.set("blocked", stream.blocked ? JsonValue(stream.blocked->describe()) : JsonValue());
    const auto& rows = stream.bound.rows_expected;
    item.set("rows_expected", rows ? JsonValue(*rows) : JsonValue());
    const auto& bytes = stream.bound.bytes_expected;
    item.set("bytes_expected", bytes ? JsonValue(*bytes) : JsonValue());
    const auto& present = stream.load.rows_present;
    item.set("rows_present", present ? JsonValue(*present) : JsonValue());
    item.set("target", stream.target.table).set("strategy", to_string(stream.target.strategy));
    auto texts = [](const std::vector<std::string>& list) {
      JsonArray array;
      for (const std::string& text : list)
        array.emplace_back(text);
      return array;
    };
    JsonArray reads;
    for (const Split& split : stream.splits)
      reads.emplace_back(split.text + (split.range.empty() ? "" : "\n-- " + split.range));
    item.set("reads", std::move(reads))
        .set("ddl", texts(stream.load.ddl))
        .set("load", texts(stream.load.sql));
    JsonArray columns;
    for (const Column& column : stream.target.schema.columns) {
      columns.push_back(JsonValue().set("name", column.name).set("type", sql_name(column.type)));
    }
    JsonArray notes = texts(stream.bound.notes);
    for (const std::string& note : stream.load.notes)
      notes.emplace_back(note);
    item.set("columns", std::move(columns)).set("notes", std::move(notes));
    streams.push_back(std::move(item));
  }
  JsonValue json;
  json.set("job", plan.job.get()).set("guarantee", to_string(plan.guarantee));
  return json.set("streams", std::move(streams));
}

}  // namespace tidemark
