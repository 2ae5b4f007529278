#include "run/refine.h"

#include <functional>
#include <utility>

#include "base/assert.h"
#include "base/units.h"
#include "connect/staged_table.h"
#include "quality/quarantine.h"
#include "quality/thresholds.h"
#include "quality/versions.h"
#include "run/deletions.h"

namespace tidemark {

namespace {

// What the steps say they did to the number of rows: a `sql` step may change it, a dedupe drops.
std::int64_t stated_change(const Transformed& rows) {
  std::int64_t change = -rows.dropped.get();
  for (const StepCounts& step : rows.steps) {
    if (step.kind == "sql") change += step.out.get() - step.in.get();
  }
  return change;
}

std::string describe_counts(const Refined& refined, const Transformed& rows) {
  std::string text = show_count(refined.good.rows.get()) + " good, " +
                     show_count(refined.rows_refused.get()) + " refused";
  if (rows.dropped.get() > 0)
    text += ", " + show_count(rows.dropped.get()) + " older versions of a key left out";
  if (refined.rows_deleted.get() > 0)
    text += ", " + show_count(refined.rows_deleted.get()) + " deleted at the source";
  for (const StepCounts& step : rows.steps) {
    if (step.kind != "sql" || step.in == step.out) continue;
    text += ", step " + std::to_string(step.step) + " (" + step.label + ") made " +
            show_count(step.out.get()) + " rows of " + show_count(step.in.get());
  }
  for (const RuleCount& refused : rows.refused_by) {
    text += "; " + refused.rule + " refused " + show_count(refused.rows.get());
  }
  return text;
}

Error stopped(const Judgement& judgement, const RefineInput& input) {
  return Error{"blocked.quarantine",
               Fault::source,
               Retry::never,
               judgement.message + "; nothing was loaded and the watermark stays",
               {},
               "look at `tidemark quarantine " + input.job.name.get() +
                   "`; then mend the source or the rules of " + input.job.file +
                   " and run again, or load the good rows with `tidemark replay " +
                   input.run.get() + "`"};
}

Error duplicate_key(const RefineInput& input, RowCount doubled) {
  std::string key;
  for (const std::string& column : input.plan.target.key)
    key += (key.empty() ? "`" : ", `") + column + "`";
  return source_error(
      "source.duplicate_key",
      show_count(doubled.get()) + " rows of this window for " + input.plan.target.table +
          " have a key (" + key + ") that another row has too",
      Retry::never, "`on_duplicate: last` or `first` in the job's `to` would load one of them");
}

// A row that is tried again takes the place of what it was only while it is the same row: else a
// newer version may be loaded already.
std::string same_key_sql(const RefineInput& input, const std::string& relation) {
  return "SELECT rows.* REPLACE (CASE WHEN rows._tm_reject IS NULL AND open.row_key IS DISTINCT "
         "FROM " +
         row_key_sql(input.plan.row_key.columns, "rows") + " THEN " +
         reject_sql(0, "same_key", "",
                    "'its key was ' || coalesce(open.row_key, 'not known') || ' when it was "
                    "refused, so newer versions of it cannot be told'") +
         " ELSE rows._tm_reject END AS _tm_reject) FROM (" + relation + ") AS rows JOIN " +
         input.open_refused.relation +
         " AS open ON rows._tm_segment = open.segment AND rows._tm_row = open.row";
}

Result<Deletions> deletions_of(const RefineInput& input, Transformed& rows,
                               duck::Connection& engine) {
  const StreamPlan& plan = input.plan;
  if (!plan.deletes) return Deletions{no_staged_rows(Schema{plan.row_key.columns, {}}), {}, 0};
  return take_out_deleted(
      {plan.deletes->column, plan.deletes->deleted, plan.deletes->unclear, input.staged.relation,
       plan.row_key, plan.kind != LoadKind::requarantine, plan.target.mark, input.found_at},
      rows, engine);
}

// A row that nothing was done to holds what the stage says of it.
CompiledRules rules_to_ask(const RefineInput& input) {
  const CompiledRules& rules = input.plan.rules;
  return input.plan.transform.empty() ? rules.known_not_null(input.staged.never_null) : rules;
}

std::function<std::string(const std::string&)> checks_of(const RefineInput& input,
                                                         const CompiledRules& rules) {
  if (input.plan.kind == LoadKind::requarantine && !input.plan.row_key.columns.empty()) {
    return [&](const std::string& relation) {
      return same_key_sql(input, rules.checks_sql(relation));
    };
  }
  if (rules.rules.empty()) return {};
  return [&](const std::string& relation) { return rules.checks_sql(relation); };
}

}  // namespace

StagedRows rows_of(const Stage& stage) {
  const Manifest& manifest = stage.manifest();
  return {stage.relation_sql(),
          manifest.rows_rejected > 0 ? stage.rejects_sql() : std::string(),
          RowCount(manifest.rows_staged),
          RowCount(manifest.rows_rejected),
          stage.checksum(),
          stage.dir(),
          manifest.never_null()};
}

Result<Refined> refine(const RefineInput& input, duck::Connection& engine, Cancel& cancel) {
  const StreamPlan& plan = input.plan;
  const bool again = plan.kind == LoadKind::requarantine;
  TransformInput from;
  from.rows = input.staged.relation;
  from.count = input.staged.rows;
  const CompiledRules rules = rules_to_ask(input);
  from.checks = checks_of(input, rules);
  // Those of rows that are tried again join them to what is open.
  if (from.checks && !again)
    from.marks = [&](const std::string& relation) { return rules.marks_sql(relation); };
  from.steps_refuse_none = input.steps_refuse_none;
  TM_TRY(Transformed rows, run_transform(plan.transform, from, engine, cancel));
  if (input.job.to.on_duplicate == OnDuplicate::fail && input.job.to.load == LoadStrategy::upsert &&
      rows.steps.back().merged.get() > 0 && !again) {
    return duplicate_key(input, rows.steps.back().merged);
  }
  Refined refined;
  TM_TRY(const Deletions deletions, deletions_of(input, rows, engine));
  refined.gone = deletions.keys;
  refined.rows_deleted = deletions.deleted;
  refined.good = {rows.good, rows.schema, rows.rows};
  refined.rows_refused = RowCount(input.staged.rejected.get() + rows.refusals.rows.get());
  const VersionsInput versions{plan.row_key, rows.marked, input.open_refused, input.run,
                               rows.refusals.rows};
  if (again) {
    // What is refused again stands in quarantine already, and only what is said of it now is new.
    TM_TRY(refined.refused,
           refused_again(versions, plan.id, to_text(input.clock.now_utc()), engine));
    TM_TRY(refined.closed, tried_rows(versions, engine));
  } else {
    TM_TRY(refined.refused,
           build_quarantine(
               {plan.id, input.run, plan.seq, to_text(input.clock.now_utc()), input.staged.rejects,
                rows.refusals, refused_keys_sql(plan.row_key, rows.marked)},
               engine));
    TM_ASSERT(refined.refused.rows == refined.rows_refused);
    TM_TRY(refined.closed, superseded_rows(versions, engine));
  }
  refined.rows_changed = stated_change(rows) - deletions.older_dropped;
  refined.message = describe_counts(refined, rows);
  const Judgement judgement =
      judge(input.job.quarantine, RowCount(input.staged.rows.get() + input.staged.rejected.get()),
            refined.rows_refused);
  switch (judgement.verdict) {
    case QuarantineVerdict::accept:
      break;
    case QuarantineVerdict::alert:
      refined.alert = true;
      refined.message += "; ALERT: " + judgement.message;
      break;
    case QuarantineVerdict::stop:
      if (input.plan.accept_refused) break;
      refined.blocked = stopped(judgement, input);
      break;
  }
  return refined;
}

Status keep_refused(const StagedTable& refused, const std::filesystem::path& stage_dir,
                    duck::Connection& engine, Files& files) {
  const std::filesystem::path file = refused_file(stage_dir);
  TM_CHECK(engine.execute("COPY (FROM " + refused.relation + ") TO " +
                          duck::quote_text(file.string()) +
                          " (FORMAT parquet, USE_TMP_FILE false)"));
  TM_CHECK(files.sync_file(file));
  return files.sync_dir(file.parent_path());
}

}  // namespace tidemark
