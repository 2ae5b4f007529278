#include "run/refine.h"

#include <utility>

#include "base/assert.h"
#include "base/units.h"
#include "quality/quarantine.h"
#include "quality/thresholds.h"

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
                     show_count(refined.refused.rows.get()) + " refused";
  if (rows.dropped.get() > 0)
    text += ", " + show_count(rows.dropped.get()) + " older versions of a key left out";
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

}  // namespace

Result<Refined> refine(const RefineInput& input, duck::Connection& engine, Cancel& cancel) {
  const Manifest& manifest = input.stage.manifest();
  TransformInput from;
  from.rows = input.stage.relation_sql();
  from.count = RowCount(manifest.rows_staged);
  if (!input.plan.rules.rules.empty()) {
    from.checks = [&](const std::string& relation) {
      return input.plan.rules.checks_sql(relation);
    };
  }
  TM_TRY(Transformed rows, run_transform(input.plan.transform, from, engine, cancel));
  if (input.job.to.on_duplicate == OnDuplicate::fail && input.job.to.load == LoadStrategy::upsert &&
      rows.steps.back().merged.get() > 0) {
    std::string key;
    for (const std::string& column : input.plan.target.key)
      key += (key.empty() ? "`" : ", `") + column + "`";
    return source_error(
        "source.duplicate_key",
        show_count(rows.steps.back().merged.get()) + " rows of this window for " +
            input.plan.target.table + " have a key (" + key + ") that another row has too",
        Retry::never, "`on_duplicate: last` or `first` in the job's `to` would load one of them");
  }
  Refined refined;
  refined.good = {rows.good, rows.schema, rows.rows};
  QuarantineInput refused{input.plan.id,
                          input.run,
                          input.plan.seq,
                          to_text(input.clock.now_utc()),
                          manifest.rows_rejected > 0 ? input.stage.rejects_sql() : std::string(),
                          rows.refusals};
  TM_TRY(refined.refused, build_quarantine(refused, engine));
  TM_ASSERT(refined.refused.rows.get() == manifest.rows_rejected + rows.refusals.rows.get());
  refined.rows_changed = stated_change(rows);
  refined.message = describe_counts(refined, rows);
  const Judgement judgement =
      judge(input.job.quarantine, RowCount(manifest.rows_read), refined.refused.rows);
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

Status keep_refused(const StagedTable& refused, const Stage& stage, duck::Connection& engine,
                    Files& files) {
  const std::filesystem::path file = refused_file(stage.dir());
  TM_CHECK(engine.execute("COPY (FROM " + refused.relation + ") TO " +
                          duck::quote_text(file.string()) +
                          " (FORMAT parquet, USE_TMP_FILE false)"));
  TM_CHECK(files.sync_file(file));
  return files.sync_dir(file.parent_path());
}

}  // namespace tidemark
