#include "cli/stage_commands.h"

#include <algorithm>
#include <utility>

#include "api/documents.h"
#include "base/units.h"
#include "cli/access_commands.h"
#include "cli/progress.h"
#include "cli/text_table.h"

namespace tidemark {

namespace {

std::string place_of(const SurveyedStage& stage) {
  const StageFolder& folder = stage.folder;
  return folder.stream.job.get() + "/" + folder.stream.stream.get() + " " +
         std::to_string(folder.seq.get()) + "-" + std::to_string(folder.fence.get());
}

std::string second_of(UtcMicros at) {
  return to_text(at).substr(0, 19) + "Z";
}

std::string count_of_stages(std::size_t count) {
  return show_count(static_cast<std::int64_t>(count)) + (count == 1 ? " stage" : " stages");
}

JsonArray documents_of(const std::vector<Error>& errors) {
  JsonArray documents;
  for (const Error& error : errors)
    documents.push_back(error_document(error));
  return documents;
}

// What stands there, without what becomes of it.
JsonValue stage_document(const SurveyedStage& stage) {
  const StageFolder& folder = stage.folder;
  JsonValue json;
  json.set("job", folder.stream.job.get()).set("stream", folder.stream.stream.get());
  json.set("seq", folder.seq.get()).set("fence", folder.fence.get());
  json.set("run_id", stage.run ? JsonValue(stage.run->get()) : JsonValue());
  json.set("rows", stage.rows ? JsonValue(*stage.rows) : JsonValue());
  json.set("bytes", stage.bytes);
  json.set("sealed_at",
           folder.kind == StageKind::sealed ? JsonValue(to_text(folder.sealed_at)) : JsonValue());
  return json.set("path", folder.dir.string());
}

JsonValue judged_document(const SurveyedStage& stage) {
  JsonValue json = stage_document(stage);
  json.set("kept", is_kept(stage.verdict.reason)).set("reason", to_string(stage.verdict.reason));
  return json.set("why", describe(stage.verdict));
}

std::string report(const StageSurvey& survey) {
  if (survey.stages.empty()) return "no stages\n";
  TextTable table{{"job", "stream", "seq", "run", "rows", "bytes", "sealed at", "kept", "why"},
                  {false, false, true, false, true, true, false, false, false},
                  {}};
  for (const SurveyedStage& stage : survey.stages) {
    const StageFolder& folder = stage.folder;
    table.rows.push_back({folder.stream.job.get(), folder.stream.stream.get(),
                          std::to_string(folder.seq.get()), stage.run ? stage.run->get() : "-",
                          stage.rows ? show_count(*stage.rows) : "-", show_bytes(stage.bytes),
                          folder.kind == StageKind::sealed ? second_of(folder.sealed_at) : "-",
                          is_kept(stage.verdict.reason) ? "yes" : "no", describe(stage.verdict)});
  }
  return print_table(table);
}

void warn(const Call& call, const StageSurvey& survey) {
  for (const Error& error : survey.unasked) {
    call.tell(error.describe() + "; its stages are kept\n");
    if (!error.hint.empty()) call.tell("  " + error.hint + "\n");
  }
}

// The stages of the job that was named, or of all. A job whose file is gone has its stages still,
// and who names it may give them up.
Result<StageSurvey> survey_named(const Call& call, Workspace& workspace, StageFilter filter) {
  if (call.line.names.empty()) return workspace.survey_stages(filter, call.cancel);
  filter.job = JobName(call.line.names.front());
  filter.give_up_gone = true;
  TM_TRY(StageSurvey survey, workspace.survey_stages(filter, call.cancel));
  if (survey.stages.empty()) TM_CHECK(workspace.finder().in_project(call.line.names.front()));
  return survey;
}

// The same where a run may be named too.
Result<StageSurvey> survey_to_verify(const Call& call, Workspace& workspace) {
  StageFilter filter;
  filter.judged = false;
  auto named = survey_named(call, workspace, filter);
  if (named.ok() || named.error().code != "user.no_job") return named;
  filter.run = RunId(call.line.names.front());
  auto of_run = workspace.survey_stages(filter, call.cancel);
  if (!workspace.has_store() || (!of_run.ok() && of_run.error().code == "run.unknown")) {
    return user_error("user.no_job",
                      "there is no job and no run `" + filter.run->get() + "` in this project",
                      named.error().hint);
  }
  if (!of_run.ok() || !of_run->stages.empty()) return of_run;
  return user_error("user.no_stage", "no stage of run " + filter.run->get() + " stands any more",
                    "`tidemark stage list` shows what stands");
}

struct Verified {
  const SurveyedStage& stage;
  std::vector<Damage> damages;
};

std::string report(const Verified& one) {
  std::string text = (one.damages.empty() ? "ok       " : "DAMAGED  ") + place_of(one.stage) +
                     "  " + show_bytes(one.stage.bytes) + "\n";
  for (const Damage& damage : one.damages)
    text += "  " + damage.file.string() + " " + damage.what + "\n";
  return text;
}

JsonValue verified_document(const Verified& one) {
  JsonArray damages;
  for (const Damage& damage : one.damages) {
    damages.push_back(
        JsonValue().set("file", damage.file.filename().string()).set("problem", damage.what));
  }
  return stage_document(one.stage).set("damages", std::move(damages));
}

JsonValue cleaned_document(const StageSurvey& survey, std::int64_t bytes, bool dry_run) {
  JsonArray removed;
  std::int64_t kept = 0;
  for (const SurveyedStage& stage : survey.stages) {
    if (is_kept(stage.verdict.reason)) {
      ++kept;
    } else {
      removed.push_back(judged_document(stage));
    }
  }
  JsonValue json;
  json.set("removed", std::move(removed)).set("bytes_freed", bytes).set("kept", kept);
  return json.set("dry_run", dry_run).set("unasked", documents_of(survey.unasked));
}

// Of what would go, for --dry-run.
std::int64_t bytes_to_free(const StageSurvey& survey) {
  std::int64_t bytes = 0;
  for (const SurveyedStage& stage : survey.stages) {
    if (!is_kept(stage.verdict.reason)) bytes += stage.bytes;
  }
  return bytes;
}

}  // namespace

int list_stages(const Call& call) {
  auto outcome = [&]() -> Result<int> {
    TM_TRY(auto workspace, open_good(call));
    StageFilter filter;
    TM_TRY(const StageSurvey survey, survey_named(call, *workspace, filter));
    if (call.line.json) {
      JsonArray stages;
      for (const SurveyedStage& stage : survey.stages)
        stages.push_back(judged_document(stage));
      call.print_json(JsonValue()
                          .set("stages", std::move(stages))
                          .set("unasked", documents_of(survey.unasked)));
    } else {
      call.print(report(survey));
      warn(call, survey);
    }
    return exit_done;
  }();
  return outcome.ok() ? *outcome : fail(call, outcome.error());
}

int verify_stages(const Call& call) {
  auto outcome = [&]() -> Result<int> {
    TM_TRY(auto workspace, open_good(call));
    TM_TRY(const StageSurvey survey, survey_to_verify(call, *workspace));
    ProgressView progress(call);
    JsonArray documents;
    std::size_t looked_at = 0;
    std::size_t damaged = 0;
    for (const SurveyedStage& stage : survey.stages) {
      if (stage.folder.kind != StageKind::sealed) continue;
      const auto show = [&](std::int64_t bytes) {
        progress.on(
            {stage.run.value_or(RunId()), stage.folder.stream, RunStep::stage, 0, bytes, {}});
      };
      TM_TRY(std::vector<Damage> damages,
             find_damages(stage.folder, call.around.files, call.cancel, show));
      progress.end();
      ++looked_at;
      damaged += damages.empty() ? 0 : 1;
      const Verified one{stage, std::move(damages)};
      if (call.line.json) {
        documents.push_back(verified_document(one));
      } else {
        call.print(report(one));
      }
    }
    if (call.line.json) {
      call.print_json(JsonValue()
                          .set("stages", std::move(documents))
                          .set("damaged", static_cast<std::int64_t>(damaged)));
    } else {
      call.print(count_of_stages(looked_at) + ", " + std::to_string(damaged) + " damaged\n");
    }
    if (damaged == 0) return exit_done;
    call.tell(
        "a damaged stage is never loaded; a window that is not loaded yet is read again by "
        "`tidemark run JOB`\n");
    return exit_failed;
  }();
  return outcome.ok() ? *outcome : fail(call, outcome.error());
}

int clean_stages(const Call& call) {
  auto outcome = [&]() -> Result<int> {
    const bool dry_run = call.line.dry_run;
    TM_TRY(auto workspace, open_good(call));
    if (!dry_run) {
      TM_CHECK(workspace->claim("stage clean", call.line.wait, call.cancel));
      TM_CHECK(note_deed(call, *workspace, "stage.clean",
                         call.line.names.empty() ? "" : call.line.names.front()));
    }
    StageFilter filter;
    filter.give_up_gone = call.line.gone;
    TM_TRY(const StageSurvey survey, survey_named(call, *workspace, filter));
    const auto show = [&](const SurveyedStage& stage) {
      if (call.line.json) return;
      call.print((dry_run ? "would remove " : "removed ") + place_of(stage) + "  " +
                 show_bytes(stage.bytes) + "  " + describe(stage.verdict) + "\n");
    };
    std::int64_t bytes = bytes_to_free(survey);
    if (dry_run) {
      for (const SurveyedStage& stage : survey.stages) {
        if (!is_kept(stage.verdict.reason)) show(stage);
      }
    } else {
      TM_TRY(bytes, remove_unwanted(survey, call.around.files, call.cancel, show));
    }
    if (call.line.json) {
      call.print_json(cleaned_document(survey, bytes, dry_run));
    } else {
      const auto kept = static_cast<std::size_t>(
          std::count_if(survey.stages.begin(), survey.stages.end(),
                        [](const SurveyedStage& one) { return is_kept(one.verdict.reason); }));
      call.print(count_of_stages(survey.stages.size() - kept) +
                 (dry_run ? " would be removed, " : " removed, ") + show_bytes(bytes) +
                 (dry_run ? " freed; " : " freed; ") + count_of_stages(kept) + " kept\n");
      warn(call, survey);
    }
    return survey.unasked.empty() ? exit_done : exit_failed;
  }();
  return outcome.ok() ? *outcome : fail(call, outcome.error());
}

}  // namespace tidemark
