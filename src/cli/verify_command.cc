#include "cli/verify_command.h"

#include <utility>

#include <fmt/format.h>

#include "api/documents.h"
#include "base/units.h"
#include "cli/access_commands.h"
#include "cli/progress.h"
#include "cli/run_output.h"
#include "cli/run_traces.h"
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

// What to do so that such a row is not passed again.
std::string advice_for_late_rows(const Verdict& verdict) {
  const char* advice = nullptr;
  switch (verdict.guarantee) {
    case Guarantee::best_effort:
      advice =
          "rows that come so late are passed again: `tidemark plan` says what earns a better label,"
          "\n            and until then `verify: {every: 1d, repair: true}` brings them";
      break;
    case Guarantee::bounded:
      advice =
          "somebody writes this time himself, or later than the database would: look for him, or\n"
          "            let rows carry their transaction (`tidemark source prepare`), which needs "
          "no "
          "clock";
      break;
    case Guarantee::exact:
    case Guarantee::exact_upsert:
      advice =
          "no row may come late under this label: was the row taken out of the target by hand?";
      break;
  }
  return std::string("            ") + advice + "\n";
}

std::string report_of_differences(const Verdict& verdict) {
  const Differences& found = verdict.differences;
  std::string text;
  const auto line = [&](std::int64_t rows, const char* what) {
    if (rows > 0) text += "  " + show_count(rows) + " " + what + "\n";
  };
  line(found.missing, "missing in the target");
  line(found.different, "different in the target");
  line(found.doubled, "in the target again, under a key that it has already");
  line(found.only_in_target,
       "only in the target: deleted in the source, older versions, or never from it");
  line(found.refused, "differ since the job refuses them (`tidemark quarantine`)");
  line(found.pending, "differ since they changed after the last window: the next run brings them");
  for (const std::string& example : found.examples)
    text += "    " + example + "\n";
  const std::int64_t named = static_cast<std::int64_t>(found.examples.size());
  const std::int64_t all = found.missing + found.different + found.doubled + found.only_in_target;
  if (all > named) text += "    and " + show_count(all - named) + " more\n";
  if (verdict.seconds_late) {
    text += fmt::format(
        "  late      up to {:.3f} s below the end of its window lay the time of a missing row. If "
        "it "
        "came late,\n            the label `{}` did not hold: {}\n",
        *verdict.seconds_late, to_string(verdict.guarantee), verdict.reason);
    text += advice_for_late_rows(verdict);
  }
  return text;
}

std::string report(const Verdict& verdict) {
  std::string text = "stream " + verdict.id.stream.get() + "\n";
  if (!verdict.note.empty()) return text + "  " + verdict.note + "\n";
  text += "  compared  " + show_count(verdict.rows) + " rows of the target, " +
          how_compared(verdict) + "\n";
  for (const std::string& column : verdict.not_compared)
    text += "  not       " + column + "\n";
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
  json.set("columns", texts(verdict.columns)).set("not_compared", texts(verdict.not_compared));
  json.set("guarantee", to_string(verdict.guarantee)).set("rows", verdict.rows);
  json.set("parts", static_cast<std::int64_t>(verdict.parts));
  json.set("parts_skipped", static_cast<std::int64_t>(verdict.parts_skipped));
  json.set("parts_left", static_cast<std::int64_t>(verdict.parts_left));
  json.set("missing", found.missing).set("different", found.different);
  json.set("doubled", found.doubled).set("only_in_target", found.only_in_target);
  json.set("refused", found.refused).set("pending", found.pending);
  json.set("examples", texts(found.examples));
  json.set("seconds_late", or_null(verdict.seconds_late));
  json.set("proved_at", verdict.proved_at ? JsonValue(to_text(*verdict.proved_at)) : JsonValue());
  return json.set("no_repair", or_null(verdict.no_repair));
}

JsonArray document(const std::vector<Verdict>& verdicts) {
  JsonArray streams;
  for (const Verdict& stream : verdicts)
    streams.push_back(document(stream));
  return streams;
}

// What a command found, and what it left after a repair.
struct Outcome {
  JobVerdict found;
  std::optional<JobVerdict> after;
  const JobVerdict& last() const { return after ? *after : found; }
};

JsonValue document(const Outcome& outcome) {
  const JobVerdict& found = outcome.found;
  JsonValue json;
  json.set("job", found.job.get());
  json.set("equal", outcome.last().equal() && outcome.last().is_whole());
  json.set("streams", document(found.streams));
  json.set("repair", found.repair ? run_document(*found.repair) : JsonValue());
  return json.set("after",
                  outcome.after ? JsonValue(document(outcome.after->streams)) : JsonValue());
}

void show(const Call& call, const JobVerdict& verdict) {
  bool can_be_repaired = false;
  for (const Verdict& stream : verdict.streams) {
    call.print(report(stream));
    if (stream.no_repair) call.print("  no repair " + *stream.no_repair + "\n");
    can_be_repaired = can_be_repaired || (!stream.differences.equal() && !stream.no_repair);
  }
  if (can_be_repaired && !verdict.repair)
    call.print("`tidemark verify " + verdict.job.get() +
               " --repair` loads what is missing or different\n");
}

void show(const Call& call, const Outcome& outcome) {
  show(call, outcome.found);
  if (!outcome.found.repair) return;
  if (outcome.after || outcome.found.repair->error) show_run(call, *outcome.found.repair);
  if (!outcome.after) return;
  call.print("after the repair\n");
  show(call, *outcome.after);
  if (!outcome.after->equal())
    call.print(
        "  still not equal: the target may change these values, or another hand writes there\n");
}

Result<Outcome> look(const Call& call, Workspace& workspace, const JobSpec& job,
                     ProgressView& progress) {
  TM_TRY(Store * store, workspace.store());
  Verifier verifier(workspace.parts(*store, progress));
  const VerifyOptions options{call.line.all, call.line.in_quiet_hours, call.line.budget};
  Outcome outcome{{job.name, {}, {}}, {}};
  if (!call.line.repair) {
    TM_TRY(outcome.found, verifier.verify(job, options, call.cancel));
    return outcome;
  }
  const auto conduct = [&](Runner& runner, const RunId& id) -> Result<RunRecord> {
    TM_TRY(outcome.found, verifier.repair(runner, id, job, options, call.cancel));
    return *outcome.found.repair;
  };
  TM_CHECK(workspace.in_lock(*store, progress, conduct, call.cancel));
  if (outcome.found.repair->status() != RunStatus::success) return outcome;
  VerifyOptions again = options;
  again.all = false;
  TM_TRY(outcome.after, verifier.verify(job, again, call.cancel));
  return outcome;
}

}  // namespace

int verify(const Call& call) {
  auto outcome = [&]() -> Result<int> {
    TM_TRY(auto workspace, open_good(call));
    const std::string& name = call.line.names.front();
    TM_TRY(const JobSpec* job, workspace->finder().in_project(name));
    TM_CHECK(workspace->claim("verify " + name, call.line.wait, call.cancel));
    if (call.line.repair) TM_CHECK(note_deed(call, *workspace, "verify.repair", name));
    const CommandTraces traces(call, *workspace);
    ProgressView progress(call);
    TM_CHECK(workspace->recover({job->name}, progress, call.cancel));
    show_recovered(call, *workspace, progress);
    TM_TRY(const Outcome found, look(call, *workspace, *job, progress));
    progress.end();
    if (call.line.json) {
      call.print_json(document(found));
    } else {
      show(call, found);
    }
    if (const auto& repair = found.found.repair; repair && repair->error)
      return exit_code_of(*repair);
    return found.last().equal() ? exit_done : exit_failed;
  }();
  return outcome.ok() ? *outcome : fail(call, outcome.error());
}

void print_proof(const Call& call, Workspace& workspace, const RunRecord& newest) {
  std::vector<StreamName> streams;
  for (const StreamRecord& stream : newest.streams)
    streams.push_back(stream.stream);
  auto store = workspace.store();
  if (!store.ok() || streams.empty()) return;
  const auto at = proved_equal_at(**store, newest.job, streams);
  if (at.ok() && *at) call.print("proved equal at " + to_text(**at) + "\n");
}

}  // namespace tidemark
