#include "api/documents.h"

#include "api/rows_document.h"
#include "telemetry/job_report.h"

namespace tidemark {

namespace {

JsonValue stored_error(const std::optional<StoredError>& error) {
  if (!error) return {};
  JsonValue json;
  json.set("code", error->code).set("fault", error->fault).set("message", error->message);
  return json.set("hint", error->hint);
}

JsonValue stream_document(const StreamRecord& stream) {
  JsonValue json;
  json.set("stream", stream.stream.get()).set("seq", stream.seq.get());
  json.set("state", to_string(stream.mark.state)).set("window", window_document(stream.window));
  json.set("rows_read", stream.counts.rows_read.get())
      .set("rows_loaded", stream.counts.rows_loaded.get());
  json.set("rows_rejected", stream.counts.rows_rejected.get())
      .set("rows_deleted", stream.counts.rows_deleted.get())
      .set("bytes_staged", stream.counts.bytes_staged);
  return json.set("error", stored_error(stream.error));
}

JsonValue use_document(const RunUse& use) {
  JsonValue json;
  json.set("cpu_ms", use.cpu_us / 1000).set("bytes_read", use.bytes_read);
  return json.set("bytes_written", use.bytes_written);
}

JsonValue cost_document(const RunRecord& run, const PriceSpec& prices) {
  constexpr int digits = 9;
  const Money cost = cost_of(*run.use, run.bytes_staged, prices);
  const std::int64_t rows = run.rows_loaded.get();
  JsonValue json;
  json.set("amount", cost.text(digits)).set("currency", prices.currency);
  return json.set("per_million_rows",
                  rows == 0 ? JsonValue() : JsonValue(cost.per_million(rows).text(digits)));
}

}  // namespace

JsonValue run_document(const RunRecord& run) {
  JsonValue json;
  json.set("run_id", run.run.get())
      .set("job", run.job.get())
      .set("status", to_string(run.status()));
  json.set("state", to_string(run.state));
  json.set("guarantee", run.guarantee ? JsonValue(to_string(*run.guarantee)) : JsonValue());
  json.set("started_at", to_text(run.started_at));
  json.set("ended_at", run.ended_at ? JsonValue(to_text(*run.ended_at)) : JsonValue());
  json.set("duration_ms", run.ended_at
                              ? JsonValue((run.ended_at->get() - run.started_at.get()) / 1000)
                              : JsonValue());
  json.set("attempt", run.attempt);
  json.set("data_until", run.data_until ? JsonValue(to_text(*run.data_until)) : JsonValue());
  json.set("used", run.use ? use_document(*run.use) : JsonValue());
  JsonArray streams;
  for (const StreamRecord& stream : run.streams)
    streams.push_back(stream_document(stream));
  json.set("streams", std::move(streams));
  return json.set("error", stored_error(run.error));
}

JsonValue event_document(const EventRecord& event) {
  JsonValue item;
  item.set("number", event.number).set("at", to_text(event.at)).set("stream", event.stream.get());
  item.set("state_from", event.state_from ? JsonValue(to_string(*event.state_from)) : JsonValue());
  item.set("state_to", event.state_to ? JsonValue(to_string(*event.state_to)) : JsonValue());
  return item.set("message", event.message);
}

JsonValue history_document(const RunHistory& history, const std::optional<PriceSpec>& prices) {
  JsonValue json = run_document(history.run);
  json.set("cost", prices && history.run.use ? cost_document(history.run, *prices) : JsonValue());
  JsonArray events;
  for (const EventRecord& event : history.events)
    events.push_back(event_document(event));
  return json.set("events", std::move(events));
}

JsonValue error_document(const Error& error) {
  JsonValue json;
  json.set("code", error.code)
      .set("fault", to_string(error.fault))
      .set("message", error.describe());
  return json.set("hint", error.hint);
}

JsonValue faults_document(const Faults& faults) {
  JsonArray list;
  for (const SpecFault& fault : faults.list()) {
    JsonValue item;
    item.set("file", fault.file).set("line", fault.line).set("column", fault.column);
    list.push_back(item.set("message", fault.message).set("hint", fault.hint));
  }
  return JsonValue().set("faults", std::move(list));
}

JsonValue answer_document(const duck::Answer& answer) {
  return rows_document(answer.schema(), answer.rows(), [&](std::size_t row, std::size_t column) {
    return answer.text(row, column);
  });
}

}  // namespace tidemark
