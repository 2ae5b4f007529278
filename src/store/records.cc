#include "store/records.h"

#include <utility>

namespace tidemark {

JobId job_id_of(const JobName& name) {
  std::uint64_t hash = 0xcbf29ce484222325u;
  for (char letter : name.get()) {
    hash ^= static_cast<unsigned char>(letter);
    hash *= 0x100000001b3u;
  }
  constexpr std::string_view digits = "0123456789abcdef";
  std::string text;
  for (int shift = 60; shift >= 0; shift -= 4)
    text += digits[(hash >> shift) & 15u];
  return JobId(std::move(text));
}

std::string_view to_string(StoredStrategy strategy) {
  switch (strategy) {
    case StoredStrategy::full:
      return "full";
    case StoredStrategy::incremental:
      return "incremental";
    case StoredStrategy::upsert:
      return "upsert";
  }
  return "full";
}

namespace {

struct FireWord {
  FireState state;
  std::string_view word;
};
constexpr FireWord fire_words[] = {
    {FireState::waiting, "waiting"},       {FireState::running, "running"},
    {FireState::retry_wait, "retry_wait"}, {FireState::done, "done"},
    {FireState::skipped, "skipped"},       {FireState::failed, "failed"},
    {FireState::blocked, "blocked"},       {FireState::cancelled, "cancelled"},
};

}  // namespace

std::string_view to_string(FireState state) {
  for (const FireWord& one : fire_words) {
    if (one.state == state) return one.word;
  }
  return "failed";
}

std::string_view to_string(FireTask task) {
  switch (task) {
    case FireTask::run:
      return "run";
    case FireTask::verify:
      return "verify";
    case FireTask::backfill:
      return "backfill";
  }
  return "run";
}

std::optional<FireTask> fire_task(std::string_view text) {
  for (const FireTask task : {FireTask::run, FireTask::verify}) {
    if (to_string(task) == text) return task;
  }
  return std::nullopt;
}

std::optional<FireState> fire_state(std::string_view text) {
  for (const FireWord& one : fire_words) {
    if (one.word == text) return one.state;
  }
  return std::nullopt;
}

bool has_ended(FireState state) {
  return state != FireState::waiting && state != FireState::running &&
         state != FireState::retry_wait;
}

std::string_view to_string(RunKind kind) {
  switch (kind) {
    case RunKind::run:
      return "run";
    case RunKind::replay:
      return "replay";
    case RunKind::full:
      return "full";
    case RunKind::window:
      return "window";
    case RunKind::repair:
      return "repair";
    case RunKind::backfill:
      return "backfill";
  }
  return "run";
}

bool moves_watermark(RunKind kind) {
  return kind != RunKind::replay && kind != RunKind::repair && kind != RunKind::backfill;
}

std::string_view to_string(BackfillState state) {
  switch (state) {
    case BackfillState::running:
      return "running";
    case BackfillState::paused:
      return "paused";
    case BackfillState::cancelled:
      return "cancelled";
    case BackfillState::done:
      return "done";
    case BackfillState::failed:
      return "failed";
  }
  return "running";
}

std::string_view to_string(PartOrder order) {
  return order == PartOrder::oldest ? "oldest" : "newest";
}

std::string_view to_string(FromStage from) {
  switch (from) {
    case FromStage::when_kept:
      return "auto";
    case FromStage::only:
      return "only";
    case FromStage::never:
      return "never";
  }
  return "auto";
}

std::string_view to_string(PartState state) {
  switch (state) {
    case PartState::waiting:
      return "waiting";
    case PartState::running:
      return "running";
    case PartState::done:
      return "done";
    case PartState::failed:
      return "failed";
    case PartState::skipped:
      return "skipped";
  }
  return "waiting";
}

std::string_view to_string(FireHalf half) {
  return half == FireHalf::load ? "load" : "extract";
}

std::optional<FireHalf> fire_half(std::string_view text) {
  for (const FireHalf half : {FireHalf::extract, FireHalf::load}) {
    if (to_string(half) == text) return half;
  }
  return std::nullopt;
}

Error error_of(const StoredError& stored) {
  Error error = internal_error(stored.code, stored.message, stored.retry, stored.hint);
  for (const Fault fault : {Fault::user, Fault::source, Fault::target, Fault::internal}) {
    if (to_string(fault) == stored.fault) error.fault = fault;
  }
  return error;
}

bool waits_for_load(const RunRecord& run) {
  bool any = false;
  for (const StreamRecord& stream : run.streams) {
    if (is_final(stream.mark.state)) continue;
    if (!stream.stage_dir) return false;
    any = true;
  }
  return any && !run.ended_at;
}

FireRecord new_fire(Task task, UtcMicros fire, std::string owner, std::string skipped) {
  FireRecord record;
  record.task = std::move(task);
  record.fire = fire;
  record.state = skipped.empty() ? FireState::waiting : FireState::skipped;
  record.reason = std::move(skipped);
  record.owner = std::move(owner);
  return record;
}

Error lease_lost(const JobName& job, const std::string& why) {
  return internal_error("run.lease_lost",
                        "this run of job " + job.get() + " gave no sign of life in time: " + why,
                        Retry::never,
                        "nothing is lost or doubled: who took it over goes on with it; look at "
                        "`tidemark runs " +
                            job.get() + "`");
}

RunStatus RunRecord::status() const {
  return ended_at ? status_of(state) : RunStatus::running;
}

}  // namespace tidemark
