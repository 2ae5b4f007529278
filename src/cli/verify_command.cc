#include "cli/verify_command.h"

#include <utility>

#include "base/units.h"
#include "cli/text_table.h"
#include "verify/verifier.h"

namespace tidemark {
namespace {

std::string how_compared(const Verdict& verdict) {
  const std::string columns =
      show_count(static_cast<std::int64_t>(verdict.columns.size())) + " columns";
  return verdict.transformed ? columns + ", as the job's steps and rules make them of the source's"
                             : columns + ", as they are in the source";
}

std::string report(const Verdict& verdict) {
  std::string text = "stream " + verdict.id.stream.get() + "\n";
  if (!verdict.note.empty()) return text + "  " + verdict.note + "\n";
  text += "  compared  " + how_compared(verdict) + "\n";
  if (verdict.skipped > 0) {
    text += "  not read again  " + show_count(verdict.skipped) + " of " +
            show_count(verdict.buckets) + " parts, proved equal before and unchanged\n";
  }
  const Differences& found = verdict.differences;
  const auto line = [&](std::int64_t rows, const char* what) {
    if (rows > 0) text += "  " + show_count(rows) + " " + what + "\n";
  };
  line(found.missing, "rows are missing in the target");
  line(found.different, "rows are different in the target");
  line(found.only_in_target,
       "rows are only in the target: they were deleted in the source, or never came from it");
  for (const std::string& example : found.examples)
    text += "    " + example + "\n";
  if (verdict.proved_at) text += "  proved equal at " + to_text(*verdict.proved_at) + "\n";
  return text;
}

JsonValue document(const Verdict& verdict) {
  JsonValue json;
  json.set("stream", verdict.id.stream.get()).set("note", verdict.note);
  json.set("compared", verdict.transformed ? "transformed" : "carried");
  JsonArray columns;
  for (const std::string& name : verdict.columns)
    columns.emplace_back(name);
  json.set("columns", std::move(columns)).set("rows", verdict.rows);
  json.set("parts", static_cast<std::int64_t>(verdict.buckets))
      .set("parts_skipped", static_cast<std::int64_t>(verdict.skipped));
  const Differences& found = verdict.differences;
  json.set("missing", found.missing).set("different", found.different);
  json.set("only_in_target", found.only_in_target);
  JsonArray examples;
  for (const std::string& example : found.examples)
    examples.emplace_back(example);
  json.set("examples", std::move(examples));
  return json.set("proved_at",
                  verdict.proved_at ? JsonValue(to_text(*verdict.proved_at)) : JsonValue());
}

}  // namespace

int verify(const Call& call) {
  auto outcome = [&]() -> Result<int> {
    TM_TRY(auto workspace, open_good(call));
    const std::string& name = call.line.names.front();
    TM_TRY(const JobSpec* job, workspace->finder().in_project(name));
    TM_CHECK(workspace->claim("verify " + name, call.line.wait, call.cancel));
    TM_TRY(const JobVerdict verdict,
           workspace->verify(*job, VerifyOptions{call.line.all}, call.cancel));
    JsonArray streams;
    for (const Verdict& stream : verdict.streams) {
      if (call.line.json) {
        streams.push_back(document(stream));
      } else {
        print(report(stream));
      }
    }
    if (call.line.json) {
      print_json(JsonValue()
                     .set("job", job->name.get())
                     .set("equal", verdict.equal())
                     .set("streams", std::move(streams)));
    }
    return verdict.equal() ? exit_done : exit_failed;
  }();
  return outcome.ok() ? *outcome : fail(call, outcome.error());
}

}  // namespace tidemark
