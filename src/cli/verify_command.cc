#include "cli/verify_command.h"

#include <utility>

#include <fmt/format.h>

#include "base/units.h"
#include "cli/documents.h"
#include "cli/progress.h"
#include "cli/run_output.h"
#include "verify/verifier.h"

namespace tidemark {
namespace {

std::string how_compared(const Verdict& verdict) {
  const std::string columns =
      show_count(static_cast<std::int64_t>(verdict.columns.size())) + " columns";
  return verdict.transformed
             ? columns + ", of the source's rows as the job's steps and rules make them"
             : columns + ", as they are in the source";
}

std::string report_of_differences(const Verdict& verdict) {
  const Differences& found = verdict.differences;
  std::string text;
  const auto line = [&](std::int64_t rows, const char* what) {
    if (rows > 0) text += "  " + show_count(rows) + " " + what + "\n";
  };
  line(found.missing, "missing in the target");
  line(found.different, "different in the target");
  line(found.only_in_target,
       "only in the target: deleted in the source, older versions, or never from it");
  line(found.refused, "not in the target, since the job refuses them (`tidemark quarantine`)");
  for (const std::string& example : found.examples)
    text += "    " + example + "\n";
  if (verdict.seconds_late) {
    text += fmt::format(
        "  late      up to {:.3f} s: so far below the end of its window lay the time of a row that "
        "was not\n            there when the window was read; `tidemark plan {}` says which "
        "watermark waits for such rows\n",
        *verdict.seconds_late, verdict.id.job.get());
  }
  return text;
}

std::string report(const Verdict& verdict) {
  std::string text = "stream " + verdict.id.stream.get() + "\n";
  if (!verdict.note.empty()) return text + "  " + verdict.note + "\n";
  text += "  compared  " + show_count(verdict.rows) + " rows of the target, " +
          how_compared(verdict) + "\n";
  if (verdict.parts_skipped > 0) {
    text += "  skipped   " + show_count(verdict.parts_skipped) + " of " +
            show_count(verdict.parts) + " parts: proved equal before, and unchanged\n";
  }
  text += report_of_differences(verdict);
  if (verdict.parts_left > 0) {
    text += "  left      " + show_count(verdict.parts_left) + " of " + show_count(verdict.parts) +
            " parts: the budget was used up; the next time begins with them\n";
  }
  if (verdict.proved_at) text += "  proved equal at " + to_text(*verdict.proved_at) + "\n";
  return text;
}

JsonArray texts(const std::vector<std::string>& items) {
  JsonArray array;
  for (const std::string& item : items)
    array.emplace_back(item);
  return array;
}

template <class Value>
JsonValue or_null(const std::optional<Value>& value) {
  return value ? JsonValue(*value) : JsonValue();
}

JsonValue document(const Verdict& verdict) {
  const Differences& found = verdict.differences;
  JsonValue json;
  json.set("stream", verdict.id.stream.get()).set("note", verdict.note);
  json.set("compared", verdict.transformed ? "transformed" : "carried");
  json.set("columns", texts(verdict.columns)).set("rows", verdict.rows);
  json.set("parts", static_cast<std::int64_t>(verdict.parts));
  json.set("parts_skipped", static_cast<std::int64_t>(verdict.parts_skipped));
  json.set("parts_left", static_cast<std::int64_t>(verdict.parts_left));
  json.set("missing", found.missing).set("different", found.different);
  json.set("only_in_target", found.only_in_target).set("refused", found.refused);
  json.set("examples", texts(found.examples));
  json.set("seconds_late", or_null(verdict.seconds_late));
  json.set("proved_at", verdict.proved_at ? JsonValue(to_text(*verdict.proved_at)) : JsonValue());
  return json.set("no_repair", or_null(verdict.no_repair));
}

JsonValue document(const JobVerdict& verdict) {
  JsonArray streams;
  for (const Verdict& stream : verdict.streams)
    streams.push_back(document(stream));
  return JsonValue()
      .set("job", verdict.job.get())
      .set("equal", verdict.equal())
      .set("whole", verdict.is_whole())
      .set("streams", std::move(streams))
      .set("repair", verdict.repair ? run_document(*verdict.repair) : JsonValue());
}

bool is_repaired(const JobVerdict& verdict) {
  for (const Verdict& stream : verdict.streams) {
    if (stream.no_repair) return false;
  }
  return verdict.repair && verdict.repair->status() == RunStatus::success;
}

void show(const Call& call, const JobVerdict& verdict) {
  for (const Verdict& stream : verdict.streams) {
    print(report(stream));
    if (stream.no_repair) print("  no repair  " + *stream.no_repair + "\n");
  }
  if (verdict.repair && (!verdict.equal() || verdict.repair->error))
    show_run(call, *verdict.repair);
  if (!verdict.equal() && !verdict.repair)
    print("`tidemark verify " + verdict.job.get() +
          " --repair` loads what is missing or different\n");
}

}  // namespace

int verify(const Call& call) {
  auto outcome = [&]() -> Result<int> {
    TM_TRY(auto workspace, open_good(call));
    const std::string& name = call.line.names.front();
    TM_TRY(const JobSpec* job, workspace->finder().in_project(name));
    TM_CHECK(workspace->claim("verify " + name, call.line.wait, call.cancel));
    ProgressView progress(progress_style_of_stderr(call.line.quiet || call.line.json),
                          call.around.clock);
    TM_CHECK(workspace->recover({job->name}, progress, call.cancel));
    show_recovered(*workspace, progress);
    TM_TRY(Store * store, workspace->store());
    Verifier verifier(workspace->parts(*store, progress));
    const VerifyOptions options{call.line.all, call.line.in_quiet_hours, call.line.budget};
    JobVerdict verdict{job->name, {}, {}};
    if (call.line.repair) {
      const auto conduct = [&](Runner& runner, const RunId& id) -> Result<RunRecord> {
        TM_TRY(verdict, verifier.repair(runner, id, *job, options, call.cancel));
        return *verdict.repair;
      };
      TM_CHECK(workspace->in_lock(*store, progress, conduct, call.cancel));
    } else {
      TM_TRY(verdict, verifier.verify(*job, options, call.cancel));
    }
    progress.end();
    if (call.line.json) {
      print_json(document(verdict));
    } else {
      show(call, verdict);
    }
    if (verdict.repair && verdict.repair->error) return exit_code_of(*verdict.repair);
    return verdict.equal() || is_repaired(verdict) ? exit_done : exit_failed;
  }();
  return outcome.ok() ? *outcome : fail(call, outcome.error());
}

void print_proof(Workspace& workspace, const RunRecord& newest) {
  std::vector<StreamName> streams;
  for (const StreamRecord& stream : newest.streams)
    streams.push_back(stream.stream);
  auto store = workspace.store();
  if (!store.ok() || streams.empty()) return;
  const auto at = proved_equal_at(**store, newest.job, streams);
  if (at.ok() && *at) print("proved equal at " + to_text(**at) + "\n");
}

}  // namespace tidemark
