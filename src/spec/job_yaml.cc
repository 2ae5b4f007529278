#include "spec/job_yaml.h"

#include <algorithm>
#include <filesystem>
#include <utility>

#include "spec/config_spec.h"
#include "spec/job_parts.h"
#include "spec/stored_file.h"

namespace tidemark {

namespace {

// A job with the schedule's keys beside the others, as they are written.
struct RawJob {
  std::string description;
  bool enabled = true;
  std::vector<std::string> tags;
  SourceSpec from;
  std::vector<TransformStep> transform;
  std::vector<RuleSpec> rules;
  QuarantineSpec quarantine;
  SchemaDrift schema_drift = SchemaDrift::evolve;
  std::optional<DeletesSpec> deletes;
  TargetSpec to;
  std::optional<Located<std::chrono::milliseconds>> every;
  std::optional<Name> cron;
  std::optional<Name> timezone;
  std::optional<Located<DayOrMoment>> starts;
  std::optional<Located<DayOrMoment>> ends;
  std::vector<std::int64_t> days_off;
  std::optional<Name> calendar;
  std::optional<Located<OnDayOff>> on_day_off;
  std::chrono::milliseconds jitter{0};
  Missed missed = Missed::once;
  Overlap overlap = Overlap::skip;
  RetrySpec retries;
  EachHalf pool;
  EachHalf label;
  std::int64_t priority = 0;
  RawAfter after;
  std::optional<WhenSpec> when;
  std::optional<std::chrono::milliseconds> timeout;
  std::optional<VerifySpec> verify;
  std::optional<SloSpec> slo;
};

// What is watched has no times that others could change.
void check_when_alone(const RawJob& job, ReadContext& context) {
  if (!job.when) return;
  const Location at = job.when->at;
  if (job.every || job.cron) {
    context.fault(at,
                  "the job has both `when` and " + std::string(job.every ? "`every`" : "`cron`"),
                  "keep one of them");
  }
  if (!job.after.all.empty() || !job.after.any.empty()) {
    context.fault(at, "the job has both `when` and `after`",
                  "keep one of them; `when: {dataset: ...}` runs it when those before it loaded "
                  "something");
  }
  if (job.on_day_off && job.on_day_off->value != OnDayOff::skip) {
    context.fault(job.on_day_off->at, "`on_day_off` moves times, and a job with `when` has none",
                  "remove it: what changes on a day off is followed on the next other day");
  }
  if (job.jitter.count() > 0) {
    context.fault(at, "`jitter` spreads times, and a job with `when` has none", "remove jitter");
  }
}

void check_schedule(const RawJob& job, ReadContext& context) {
  check_every_or_cron(job.every, job.cron, context);
  const bool days = (job.starts && job.starts->value.day) || (job.ends && job.ends->value.day) ||
                    !job.days_off.empty() || job.calendar;
  const bool verify_cron = job.verify && job.verify->schedule.cron;
  if (job.timezone && !job.cron && !verify_cron && !days) {
    context.fault(job.timezone->at, "`timezone` means nothing without `cron` or a day",
                  "add cron, or remove timezone");
  }
  for (const auto* limit : {&job.starts, &job.ends}) {
    if (*limit && !job.every && !job.cron && !job.when) {
      context.fault((*limit)->at, "the job does not run by itself",
                    "add `every`, `cron` or `when`");
    }
  }
  check_when_alone(job, context);
  if (job.calendar && !job.every && !job.cron && !job.when) {
    context.fault(job.calendar->at, "the job has no times of its own that a calendar could change",
                  "add `every` or `cron`");
  }
  if (job.on_day_off && !job.calendar && job.days_off.empty()) {
    context.fault(job.on_day_off->at, "the job has no days off", "add `calendar` or `days_off`");
  }
  const bool waits = job.every || job.cron;
  if (job.slo && job.slo->start && !waits && !job.when && job.after.all.empty() &&
      job.after.any.empty()) {
    context.fault(job.slo->start_at, "the job does not run by itself, so no run of it is due",
                  "add `every`, `cron`, `after` or `when`, or remove start");
  }
  for (const Location* at : {job.after.wait ? &job.after.wait->at : nullptr,
                             job.after.late ? &job.after.late->at : nullptr}) {
    if (at == nullptr || waits) continue;
    context.fault(*at, "a job without times of its own runs whenever those before it have",
                  "add `every` or `cron`, or remove this");
  }
}

void add_data_fields(ConfigSpec<RawJob>& spec) {
  spec.field("from", &RawJob::from, source_value(),
             {.required = true,
              .description = "What the job reads.",
              .example = "{connection: shop, table: public.orders, watermark: updated_at}"})
      .field("transform", &RawJob::transform,
             config::list_of(transform_step_value(), "a list of steps"),
             {.default_note = "none",
              .description = "The steps between source and target, in order.",
              .example = "[{drop: [internal_note]}]"})
      .field("rules", &RawJob::rules, rules_value(),
             {.default_note = "none",
              .description =
                  "Conditions every row must fulfil; a row that breaks one goes to quarantine.",
              .example = "{price_not_negative: price >= 0}"})
      .field("quarantine", &RawJob::quarantine, quarantine_value(),
             {.default_note = "no thresholds",
              .description = "How many refused rows are too many.",
              .example = "{alert_above: 0.1%}"})
      .field("schema_drift", &RawJob::schema_drift,
             config::choice<SchemaDrift>({{"evolve", SchemaDrift::evolve},
                                          {"freeze", SchemaDrift::freeze},
                                          {"ignore", SchemaDrift::ignore},
                                          {"quarantine", SchemaDrift::quarantine}}),
             {.default_text = "evolve",
              .description =
                  "What becomes of a load when the source's columns are no longer those of the "
                  "load before: `evolve` adds new columns to the table, `freeze` stops until a "
                  "person has looked, `ignore` leaves new columns out, `quarantine` refuses rows "
                  "that have a value in one or that do not fit the old type. See "
                  "[Schema drift](../schema-drift.md).",
              .example = "freeze"})
      .field(
          "deletes", &RawJob::deletes, deletes_value(),
          {.default_note = "rows that are deleted at the source stay in the target",
           .description = "How rows that the source deletes are known, and what becomes of them.",
           .example = "{column: is_deleted}"})
      .field("to", &RawJob::to, target_value(),
             {.required = true,
              .description = "Where the rows go, and how.",
              .example =
                  "{connection: warehouse, table: mart.orders, load: upsert, key: [order_id]}"});
}

void add_schedule_fields(ConfigSpec<RawJob>& spec) {
  spec.field(
          "every", &RawJob::every, config::duration(),
          {.default_note = "never by itself",
           .description =
               "How often the job runs, 1s or more: at the multiples of it since 1970 in UTC, so "
               "`1h` is each full hour. `tidemark serve` runs it then, `tidemark schedule` tells "
               "the "
               "times. See [Schedules](../schedule.md).",
           .example = "1h"})
      .field("cron", &RawJob::cron, cron_value(),
             {.default_note = "never by itself",
              .description =
                  "When the job runs, instead of `every`: minute, hour, day, month and weekday, or "
                  "six fields with seconds first. See [Schedules](../schedule.md).",
              .example = "\"0 2 * * *\""})
      .field("timezone", &RawJob::timezone, timezone_value(),
             {.default_note = "UTC",
              .description = "The zone of `cron`, and of days.",
              .example = "Europe/Berlin"})
      .field("starts", &RawJob::starts, config::located(day_or_moment_value()),
             {.default_note = "always",
              .description = "The first day, or moment, at which it may run by itself.",
              .example = "2026-12-24"})
      .field("ends", &RawJob::ends, config::located(day_or_moment_value()),
             {.default_note = "never",
              .description = "The day, or moment, from which on it does not any more.",
              .example = "2027-12-24"})
      .field("days_off", &RawJob::days_off, config::list_of(day_value(), "a list of days"),
             {.default_note = "none",
              .description = "Days on which it does not run by itself.",
              .example = "[2026-12-25, 2027-01-01]"})
      .field("calendar", &RawJob::calendar, config::name("the name of a calendar"),
             {.default_note = "none",
              .description = "A calendar of tidemark.yaml: its days are days off too.",
              .example = "berlin"})
      .field("on_day_off", &RawJob::on_day_off,
             config::located(config::choice<OnDayOff>(
                 {{"skip", OnDayOff::skip}, {"next_workday", OnDayOff::next_workday}})),
             {.default_note = "skip",
              .description = "What becomes of a time on a day off: there is none, or it comes on "
                             "the next other day, at the same time of the day.",
              .example = "next_workday"})
      .field("jitter", &RawJob::jitter, config::duration(),
             {.default_note = "none",
              .description = "Each run begins up to this much later, so that jobs with one "
                             "schedule do not all begin at once; how much follows from the job's "
                             "name and the time.",
              .example = "30s"})
      .field("missed", &RawJob::missed,
             config::choice<Missed>(
                 {{"skip", Missed::skip}, {"once", Missed::once}, {"all", Missed::all}}),
             {.default_text = "once",
              .description = "What becomes of times that passed while no server was there: "
                             "nothing, one run for the last of them, or a run for each.",
              .example = "skip"})
      .field("overlap", &RawJob::overlap,
             config::choice<Overlap>(
                 {{"skip", Overlap::skip}, {"queue", Overlap::queue}, {"cancel", Overlap::cancel}}),
             {.default_text = "skip",
              .description = "What becomes of a run that is due while the one before goes on or "
                             "waits: it is left out, waits for its turn, or ends that one.",
              .example = "queue"})
      .field("retries", &RawJob::retries, retries_value(),
             {.default_note = "5 attempts",
              .description = "Whether and when a run that failed is tried again.",
              .example = "{attempts: 8}"})
      .field("pool", &RawJob::pool,
             each_half_value("pool", "the name of a pool", "{extract: shop, load: warehouse}"),
             {.default_note = "none",
              .description = "Jobs of one pool share the places that `pools` of tidemark.yaml "
                             "gives it. Over a shared stage each half of a run may have its own.",
              .example = "nightly"})
      .field("label", &RawJob::label,
             each_half_value("label", "a label of servers", "{extract: near-shop}"),
             {.default_note = "any server",
              .description = "Where several servers share a store: those that were started with "
                             "`--label` and this one run the job, or the half of it.",
              .example = "eu"})
      .field("priority", &RawJob::priority, config::integer(-100, 100),
             {.default_text = "0",
              .description = "Of runs that wait, the higher goes first.",
              .example = "10"})
      .field("after", &RawJob::after, after_value(),
             {.default_note = "none",
              .description =
                  "Jobs that come before this one: `tidemark run --all` runs them first, and "
                  "`tidemark serve` runs this one when each of them has run. One that has times of "
                  "its own runs at those, once each of them has run for the same time. See "
                  "[Schedules](../schedule.md).",
              .example = "[customers]"})
      .field(
          "when", &RawJob::when, when_value(),
          {.default_note = "none",
           .description = "What the job watches: `tidemark serve` runs it when that has changed. "
                          "Instead of `every`, `cron` and `after`. See "
                          "[Schedules](../schedule.md#when-something-changed).",
           .example = "{file: \"landing.in/*.csv\"}"})
      .field("timeout", &RawJob::timeout, config::duration(),
             {.default_note = "none",
              .description =
                  "How long a run of `tidemark serve` may take before it is ended, as one that "
                  "failed.",
              .example = "2h"})
      .field("verify", &RawJob::verify, verify_value(),
             {.default_note = "never by itself",
              .description = "When source and target are compared by themselves.",
              .example = "{every: 7d, budget: 30m}"})
      .field("slo", &RawJob::slo, slo_value(),
             {.default_note = "nothing is promised",
              .description = "How fresh, how fast and how punctual the job is to be.",
              .example = "{freshness: 1h}"})
      .field("enabled", &RawJob::enabled, config::boolean(),
             {.default_text = "true",
              .description =
                  "Whether `tidemark run --all` and `tidemark serve` take the job; `tidemark run "
                  "JOB` always does.",
              .example = "false"})
      .field("description", &RawJob::description, config::any_text(),
             {.default_note = "none",
              .description = "What the job is for, for people.",
              .example = "Orders of the shop"})
      .field(
          "tags", &RawJob::tags, config::list_or_one(config::text(), "a list of words"),
          {.default_note = "none", .description = "Words to find jobs by.", .example = "[sales]"});
}

ConfigSpec<RawJob> make_job_spec() {
  ConfigSpec<RawJob> spec(
      "job", "A job is a file `jobs/NAME.yaml`; its name is the file's.",
      "from: {connection: shop, table: public.orders, watermark: updated_at}\n"
      "to: {connection: warehouse, table: mart.orders, load: upsert, key: [order_id]}\n"
      "every: 1h\n");
  add_data_fields(spec);
  add_schedule_fields(spec);
  return spec;
}

const ConfigSpec<RawJob>& job_config() {
  // Immutable, and costly enough to build that a project of a thousand jobs should not build it
  // each time.
  static const ConfigSpec<RawJob> spec = make_job_spec();
  return spec;
}

LoadStrategy default_load(const JobSpec& job) {
  if (!job.to.key.empty()) return LoadStrategy::upsert;
  const bool files = std::holds_alternative<FilesInput>(job.from.input);
  return job.from.watermark || files ? LoadStrategy::append : LoadStrategy::full;
}

// Names become parts of paths and of SQL identifiers' comments, so they are kept plain.
bool is_job_name(std::string_view name) {
  const auto plain = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-';
  };
  return !name.empty() && name.front() != '-' && name.size() <= 100 &&
         std::all_of(name.begin(), name.end(), plain);
}

// The name of the job in `jobs/NAME.yaml`, or in `store:NAME`.
std::string job_named_by(const std::string& file) {
  if (is_stored_file(file)) return file.substr(stored_file_prefix.size());
  return std::filesystem::path(file).stem().string();
}

}  // namespace

ReadJob read_job(const YamlDocument& document, ReadContext& context) {
  ReadJob job;
  const std::string stem = job_named_by(context.file());
  job.spec.name = JobName(stem);
  job.spec.file = context.file();
  if (!is_job_name(stem)) {
    context.fault(Location{}, "`" + stem + "` cannot be the name of a job",
                  "name the file with letters, digits, _ and -, at most 100");
  }
  const YamlNode& root = document.root();
  if (root.kind == YamlKind::null) {
    // A file that is no YAML has said so already.
    if (!document.faults().empty()) return job;
    context.fault(Location{1, 1}, "the file is empty", "a job needs at least `from` and `to`");
    return job;
  }
  RawJob raw;
  job_config().read(root, context, raw);
  check_schedule(raw, context);
  if (const YamlNode* from = root.find("from")) {
    for (const YamlEntry& entry : from->entries)
      job.source_keys.push_back({entry.key, place(entry.key_at)});
  }
  JobSpec& spec = job.spec;
  spec.description = std::move(raw.description);
  spec.enabled = raw.enabled;
  spec.tags = std::move(raw.tags);
  spec.from = std::move(raw.from);
  spec.transform = std::move(raw.transform);
  spec.rules = std::move(raw.rules);
  spec.quarantine = raw.quarantine;
  spec.schema_drift = raw.schema_drift;
  spec.deletes = std::move(raw.deletes);
  spec.to = std::move(raw.to);
  if (raw.every) spec.schedule.every = raw.every->value;
  spec.schedule.cron = std::move(raw.cron);
  spec.schedule.timezone = std::move(raw.timezone);
  if (raw.starts) spec.schedule.starts = raw.starts->value;
  if (raw.ends) spec.schedule.ends = raw.ends->value;
  if (raw.ends) check_limits(spec.schedule, raw.ends->at, context);
  spec.schedule.off.days.insert(raw.days_off.begin(), raw.days_off.end());
  spec.schedule.calendar = std::move(raw.calendar);
  if (raw.on_day_off) spec.schedule.on_day_off = raw.on_day_off->value;
  spec.schedule.jitter = raw.jitter;
  spec.schedule.missed = raw.missed;
  spec.schedule.overlap = raw.overlap;
  spec.schedule.retries = raw.retries;
  spec.schedule.pool = raw.pool.of_extract();
  spec.schedule.label = raw.label.of_extract();
  spec.schedule.load_pool = raw.pool.of_load();
  spec.schedule.load_label = raw.label.of_load();
  spec.schedule.priority = raw.priority;
  spec.schedule.after_any = !raw.after.any.empty();
  spec.schedule.after = std::move(spec.schedule.after_any ? raw.after.any : raw.after.all);
  spec.schedule.after_failed = raw.after.failed;
  if (raw.after.wait) spec.schedule.after_wait = raw.after.wait->value;
  if (raw.after.late) spec.schedule.after_late = raw.after.late->value;
  spec.schedule.when = std::move(raw.when);
  spec.schedule.timeout = raw.timeout;
  spec.verify = std::move(raw.verify);
  if (spec.verify) spec.verify->schedule.timezone = spec.schedule.timezone;
  spec.slo = raw.slo;
  if (!spec.to.load_declared) spec.to.load = default_load(spec);
  return job;
}

std::shared_ptr<const ObjectDoc> job_doc() {
  return job_config().doc();
}

bool is_source_key(std::string_view key) {
  const std::vector<std::string> names = job_doc()->fields.front().value.object->field_names();
  return std::find(names.begin(), names.end(), key) != names.end();
}

}  // namespace tidemark
