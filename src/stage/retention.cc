#include "stage/retention.h"

#include <algorithm>

namespace tidemark {

namespace {

// A run that holds the window of a folder; nothing when none does.
const RunId* holder(const std::map<Seq, RunId>& held, const StageFolder& folder) {
  const auto found = held.find(folder.seq);
  return found == held.end() ? nullptr : &found->second;
}

std::optional<std::size_t> newest_readable(const std::vector<StageFolder>& folders) {
  for (std::size_t at = folders.size(); at > 0; --at) {
    if (folders[at - 1].kind == StageKind::sealed && folders[at - 1].readable) return at - 1;
  }
  return std::nullopt;
}

// What does not depend on the other stages nor on the time; nothing when none of it holds.
std::optional<StageVerdict> judge_alone(const StageFolder& folder, const StageClaims& claims) {
  if (folder.kind == StageKind::half_removed) return StageVerdict{StageReason::half_removed};
  if (const RunId* run = holder(claims.unfinished, folder))
    return StageVerdict{StageReason::unfinished_run, *run};
  if (folder.kind == StageKind::partial) return StageVerdict{StageReason::left_by_a_dead_run};
  if (claims.job_file == StageClaims::JobFile::given_up) return StageVerdict{StageReason::given_up};
  if (claims.job_file == StageClaims::JobFile::gone) return StageVerdict{StageReason::job_gone};
  if (!claims.loaded) return StageVerdict{StageReason::target_unknown};
  if (folder.seq > *claims.loaded) return StageVerdict{StageReason::not_loaded};
  if (const RunId* run = holder(claims.blocked, folder))
    return StageVerdict{StageReason::blocked_run, *run};
  if (claims.refused.contains(folder.seq)) return StageVerdict{StageReason::open_refused_rows};
  return std::nullopt;
}

}  // namespace

std::string_view to_string(StageReason reason) {
  switch (reason) {
    case StageReason::unfinished_run:
      return "unfinished_run";
    case StageReason::job_gone:
      return "job_gone";
    case StageReason::target_unknown:
      return "target_unknown";
    case StageReason::not_loaded:
      return "not_loaded";
    case StageReason::blocked_run:
      return "blocked_run";
    case StageReason::open_refused_rows:
      return "open_refused_rows";
    case StageReason::newest:
      return "newest";
    case StageReason::kept_forever:
      return "kept_forever";
    case StageReason::young:
      return "young";
    case StageReason::old:
      return "old";
    case StageReason::given_up:
      return "given_up";
    case StageReason::left_by_a_dead_run:
      return "left_by_a_dead_run";
    case StageReason::half_removed:
      return "half_removed";
  }
  return "target_unknown";
}

bool is_kept(StageReason reason) {
  return reason < StageReason::old;
}

std::vector<StageVerdict> judge_stages(const std::vector<StageFolder>& folders,
                                       const StageClaims& claims,
                                       std::optional<std::chrono::milliseconds> keep,
                                       UtcMicros now) {
  std::vector<StageVerdict> verdicts;
  const std::optional<std::size_t> newest = newest_readable(folders);
  std::optional<UtcMicros> sealed_at;  // of this stage or of one before it, whichever is later
  for (std::size_t at = 0; at < folders.size(); ++at) {
    const StageFolder& folder = folders[at];
    if (folder.kind == StageKind::sealed)
      sealed_at = sealed_at ? std::max(*sealed_at, folder.sealed_at) : folder.sealed_at;
    if (auto verdict = judge_alone(folder, claims)) {
      verdicts.push_back(std::move(*verdict));
    } else if (at == newest) {
      verdicts.push_back({StageReason::newest});
    } else if (!keep) {
      verdicts.push_back({StageReason::kept_forever});
    } else {
      const UtcMicros until(sealed_at->get() + std::chrono::microseconds(*keep).count());
      verdicts.push_back(now < until ? StageVerdict{StageReason::young, {}, until}
                                     : StageVerdict{StageReason::old});
    }
  }
  return verdicts;
}

std::string describe(const StageVerdict& verdict) {
  switch (verdict.reason) {
    case StageReason::unfinished_run:
      return "run " + verdict.run.get() + " has not ended";
    case StageReason::job_gone:
      return "its job has no file any more (`stage clean --gone` removes it)";
    case StageReason::target_unknown:
      return "its target could not be asked";
    case StageReason::not_loaded:
      return "its window is not loaded yet";
    case StageReason::blocked_run:
      return "run " + verdict.run.get() + " is blocked and waits for a person";
    case StageReason::open_refused_rows:
      return "open rows in quarantine came from it";
    case StageReason::newest:
      return "the newest of its stream";
    case StageReason::kept_forever:
      return "stages are kept forever";
    case StageReason::young:
      return "until " + to_text(verdict.until).substr(0, 16) + "Z";
    case StageReason::old:
      return "loaded, and past its time";
    case StageReason::given_up:
      return "its job has no file any more";
    case StageReason::left_by_a_dead_run:
      return "never sealed, left by a run that died";
    case StageReason::half_removed:
      return "what is left of a stage that was being removed";
  }
  return "";
}

}  // namespace tidemark
