#include "run/stage_upkeep.h"

#include <algorithm>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>

#include "plan/planner.h"

namespace tidemark {

namespace {

// What the target says of a stream.
Status ask_target(Sink& sink, const StreamId& stream, StageClaims& claims, Cancel& cancel) {
  TM_TRY(const std::optional<LedgerRow> head, sink.committed(stream, cancel));
  TM_TRY(const std::vector<Seq> refused, sink.refused_windows(stream, cancel));
  claims.refused.insert(refused.begin(), refused.end());
  claims.loaded = head ? head->seq : Seq(0);
  return {};
}

void add_unfinished(const std::vector<RunRecord>& runs, const StreamId& id, StageClaims& claims) {
  for (const RunRecord& run : runs) {
    for (const StreamRecord& stream : run.streams) {
      if (run.job == id.job && stream.stream == id.stream && !is_final(stream.mark.state))
        claims.unfinished.emplace(stream.seq, run.run);
    }
  }
}

// One survey: asks each target once, however many streams and stages its jobs have.
class Survey {
 public:
  Survey(const UpkeepParts& parts, const StageFilter& filter, Cancel& cancel)
      : parts_(parts), filter_(filter), cancel_(cancel) {}

  Result<StageSurvey> make() {
    TM_TRY(const std::filesystem::path root, stage_root(parts_.project));
    std::vector<JobName> names;
    for (const JobSpec& job : parts_.jobs)
      names.push_back(job.name);
    TM_TRY(const std::vector<StagedStream> streams, staged_streams(root, names, parts_.files));
    TM_CHECK(find_wanted());
    std::vector<std::pair<StagedStream, std::vector<StageFolder>>> found;
    for (const StagedStream& stream : streams) {
      if (filter_.job && stream.id.job != *filter_.job) continue;
      TM_TRY(std::vector<StageFolder> folders, stage_folders(stream));
      found.emplace_back(stream, std::move(folders));
    }
    // Only now: a run is in the store before it writes here, also where it is another server's.
    if (parts_.store != nullptr) {
      TM_TRY(unfinished_, parts_.store->unfinished_runs());
    }
    for (auto& [stream, folders] : found) {
      TM_CHECK(cancel_.check());
      TM_CHECK(add(stream, std::move(folders)));
    }
    return std::move(survey_);
  }

 private:
  Status find_wanted() {
    if (!filter_.run || parts_.store == nullptr) return {};
    TM_TRY(const RunHistory history, parts_.store->get_run(*filter_.run));
    for (const StreamRecord& stream : history.run.streams) {
      if (stream.stage_dir) dirs_.insert(found_stage_dir(parts_.project, *stream.stage_dir));
    }
    return {};
  }

  Status add(const StagedStream& stream, std::vector<StageFolder> folders) {
    std::vector<SurveyedStage> stages;
    for (StageFolder& folder : folders) {
      SurveyedStage one;
      if (folder.kind == StageKind::sealed) TM_CHECK(look_at(folder));
      if (folder.kind == StageKind::sealed) {
        const auto stage = Stage::open(folder.dir, parts_.files);
        folder.readable = stage.ok();
        if (stage.ok()) {
          one.run = stage->manifest().key.run_id;
          one.rows = stage->manifest().rows_read;
        }
      }
      one.bytes = bytes_on_disk(folder);
      one.folder = folder;
      stages.push_back(std::move(one));
    }
    StageClaims claims;
    if (filter_.judged) {
      TM_TRY(claims, claims_of(stream));
    }
    std::vector<StageVerdict> verdicts =
        judge_stages(folders, claims, parts_.project.stage.keep, parts_.clock.now_utc());
    for (std::size_t at = 0; at < stages.size(); ++at) {
      stages[at].verdict = std::move(verdicts[at]);
      // Nobody can say to whom it belongs.
      if (!stream.is_known) stages[at].verdict = StageVerdict{StageReason::target_unknown};
      if (is_wanted(stages[at])) survey_.stages.push_back(std::move(stages[at]));
    }
    return {};
  }

  bool is_wanted(const SurveyedStage& stage) const {
    return !filter_.run || stage.run == filter_.run ||
           dirs_.contains(stage.folder.dir.lexically_normal());
  }

  Result<StageClaims> claims_of(const StagedStream& stream) {
    StageClaims claims;
    add_unfinished(unfinished_, stream.id, claims);
    const auto job = std::find_if(parts_.jobs.begin(), parts_.jobs.end(),
                                  [&](const JobSpec& one) { return one.name == stream.id.job; });
    if (job == parts_.jobs.end()) {
      claims.job_file =
          filter_.give_up_gone ? StageClaims::JobFile::given_up : StageClaims::JobFile::gone;
      return claims;
    }
    TM_TRY(Asked* const asked, asked_of(*job));
    for (const RunWindow& window : asked->blocked) {
      if (window.stream == stream.id.stream) claims.blocked.emplace(window.seq, window.run);
    }
    if (!asked->sink) return claims;
    Status answered = ask_target(*asked->sink, stream.id, claims, cancel_);
    if (!answered.ok()) TM_CHECK(note_unasked(*job, std::move(answered).error()));
    return claims;
  }

  // What is asked once for each job.
  struct Asked {
    std::vector<RunWindow> blocked;
    std::unique_ptr<duck::Connection> engine;
    std::unique_ptr<Sink> sink;  // nothing where the target cannot be opened
  };

  Result<Asked*> asked_of(const JobSpec& job) {
    const auto known = asked_.find(job.name);
    if (known != asked_.end()) return &known->second;
    Asked& asked = asked_[job.name];
    if (parts_.store != nullptr) {
      TM_TRY(asked.blocked, parts_.store->blocked_windows(job.name));
    }
    Status opened = open_target(job, asked);
    if (!opened.ok()) TM_CHECK(note_unasked(job, std::move(opened).error()));
    return &asked;
  }

  Status note_unasked(const JobSpec& job, Error error) {
    if (error.code == "run.cancelled") return error;
    survey_.unasked.push_back(
        std::move(error).with_context("asking the target of job " + job.name.get()));
    return {};
  }

  Status open_target(const JobSpec& job, Asked& target) {
    const ConnectionSpec& to = *parts_.project.find_connection(job.to.connection.value);
    TM_TRY(const Connector* connector, parts_.connectors.of(to));
    TM_TRY(target.engine, parts_.engine.connect());
    const ConnectorContext context{parts_.project, *target.engine, "tidemark stage", true};
    TM_TRY(target.sink, connector->open_sink(to, context, cancel_));
    return {};
  }

  const UpkeepParts& parts_;
  const StageFilter& filter_;
  Cancel& cancel_;
  std::vector<RunRecord> unfinished_;
  std::set<std::filesystem::path> dirs_;  // of filter_.run, by the store
  std::map<JobName, Asked> asked_;
  StageSurvey survey_;
};

// What may go as far as the clock alone says, and the newest stage that can be read. Of sealed ones
// behind the first young one only the newest matters, so nothing else is looked at.
Result<std::vector<StageFolder>> aged_stages(const StagedStream& stream,
                                             std::chrono::milliseconds keep, UtcMicros now,
                                             Files& files) {
  TM_TRY(std::vector<StageFolder> all, stage_folders(stream));
  const std::int64_t keep_micros = std::chrono::microseconds(keep).count();
  const std::size_t last = all.empty() ? 0 : all.size() - 1;
  std::vector<bool> is_aged(all.size(), false);
  bool young_seen = false;
  bool any_aged = false;
  for (std::size_t at = 0; at < all.size(); ++at) {
    if (all[at].kind == StageKind::sealed) {
      if (young_seen || at == last) continue;
      TM_CHECK(look_at(all[at]));
      young_seen =
          all[at].kind == StageKind::sealed && now.get() - all[at].sealed_at.get() < keep_micros;
      if (young_seen) continue;
    }
    is_aged[at] = any_aged = true;
  }
  std::vector<StageFolder> aged;
  if (!any_aged) return aged;
  for (std::size_t at = all.size(); at > 0; --at) {
    StageFolder& folder = all[at - 1];
    if (folder.kind != StageKind::sealed) continue;
    TM_CHECK(look_at(folder));
    folder.readable = Stage::open(folder.dir, files).ok();
    is_aged[at - 1] = true;
    if (folder.readable) break;
  }
  for (std::size_t at = 0; at < all.size(); ++at) {
    if (is_aged[at]) aged.push_back(std::move(all[at]));
  }
  return aged;
}

}  // namespace

Result<StageSurvey> survey_stages(const UpkeepParts& parts, const StageFilter& filter,
                                  Cancel& cancel) {
  return Survey(parts, filter, cancel).make();
}

Result<std::vector<Damage>> find_damages(const StageFolder& folder, Files& files, Cancel& cancel,
                                         const HashProgress& progress) {
  const auto stage = Stage::open(folder.dir, files);
  if (stage.ok()) return stage->damages(HashDepth::xxh3_and_sha256, cancel, progress);
  return std::vector<Damage>{
      {folder.dir / manifest_name, "cannot be used: " + stage.error().message}};
}

Result<std::int64_t> remove_unwanted(const StageSurvey& survey, Files& files, Cancel& cancel,
                                     const std::function<void(const SurveyedStage&)>& removed) {
  std::int64_t bytes = 0;
  for (const SurveyedStage& stage : survey.stages) {
    if (is_kept(stage.verdict.reason)) continue;
    TM_CHECK(cancel.check());
    TM_CHECK(remove_folder(stage.folder, files));
    bytes += stage.bytes;
    removed(stage);
    // Only empty ones go: of a job that is gone, or of a stream that is.
    std::error_code ignored;
    const std::filesystem::path stream = stage.folder.dir.parent_path();
    if (std::filesystem::remove(stream, ignored))
      std::filesystem::remove(stream.parent_path(), ignored);
  }
  return bytes;
}

Status remove_aged_stages(const RunnerParts& parts, const StreamId& stream, Sink& sink,
                          Cancel& cancel) {
  const auto& keep = parts.project.stage.keep;
  if (!keep) return {};
  TM_TRY(const std::filesystem::path root, stage_root(parts.project));
  const UtcMicros now = parts.clock.now_utc();
  TM_TRY(const std::vector<StageFolder> folders,
         aged_stages(staged_stream(root, stream), *keep, now, parts.files));
  if (folders.empty()) return {};
  // Blocked runs are not asked for: the load that has just ended well took their place.
  StageClaims claims;
  TM_TRY(const std::vector<RunRecord> unfinished, parts.store.unfinished_runs(stream.job));
  add_unfinished(unfinished, stream, claims);
  TM_CHECK(ask_target(sink, stream, claims, cancel));
  const std::vector<StageVerdict> verdicts = judge_stages(folders, claims, keep, now);
  for (std::size_t at = 0; at < folders.size(); ++at) {
    // A window that is not loaded yet may be read by somebody now.
    if (is_kept(verdicts[at].reason) || folders[at].seq > *claims.loaded) continue;
    TM_CHECK(cancel.check());
    TM_CHECK(remove_folder(folders[at], parts.files));
  }
  return {};
}

}  // namespace tidemark
