// The words of a job's schedule whose form can be checked here.
#include <algorithm>
#include <utility>

#include "drivers/zone/zone.h"
#include "spec/config_spec.h"
#include "spec/cron.h"
#include "spec/job_parts.h"

namespace tidemark {

namespace {

bool is_alpha(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}
bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

// `Area/City`, `UTC`.
bool looks_like_zone(std::string_view text) {
  if (text.empty() || !is_alpha(text.front()) || text.find("//") != std::string_view::npos)
    return false;
  const bool letters = std::all_of(text.begin(), text.end(), [](char c) {
    return is_alpha(c) || is_digit(c) || c == '/' || c == '_' || c == '-' || c == '+';
  });
  return letters && text.back() != '/' &&
         (text == "UTC" || text.find('/') != std::string_view::npos);
}

struct RawVerify {
  std::optional<Located<std::chrono::milliseconds>> every;
  std::optional<Name> cron;
  std::chrono::milliseconds budget = VerifySpec().budget;
  bool repair = false;
};

bool to_verify(RawVerify&& raw, const YamlNode& node, ReadContext& context, VerifySpec& verify) {
  const std::size_t faults_before = context.fault_count();
  if (!raw.every && !raw.cron)
    context.fault(place(node.at), "`verify` does not say when", "add `every: 7d`, or a `cron`");
  check_every_or_cron(raw.every, raw.cron, context);
  if (raw.every) verify.schedule.every = raw.every->value;
  verify.schedule.cron = std::move(raw.cron);
  verify.budget = raw.budget;
  verify.repair = raw.repair;
  return context.fault_count() == faults_before;
}

}  // namespace

std::optional<std::int64_t> day_of(const std::string& text) {
  if (text.size() != std::string_view("2026-12-24").size()) return std::nullopt;
  const auto midnight = parse_utc(text + "T00:00:00Z");
  if (!midnight.ok()) return std::nullopt;
  return midnight->get() / 86'400'000'000;
}

void check_every_or_cron(const std::optional<Located<std::chrono::milliseconds>>& every,
                         const std::optional<Name>& cron, ReadContext& context) {
  if (every && cron)
    context.fault(cron->at, "the job has both `every` and `cron`", "keep one of them");
  if (!every || every->value.count() <= 0) return;
  if (every->value < std::chrono::seconds(1))
    context.fault(every->at, "`every` is less than a second", "write `every: 1s`, or more");
  if (every->value > std::chrono::days(366))
    context.fault(every->at, "`every` is more than a year", "a `cron` can name one day of it");
}

ValueSpec<RawAfter> after_value() {
  const auto jobs = config::list_or_one(config::name("the name of a job"), "a list of jobs");
  ConfigSpec<RawAfter> spec("after",
                            "Which jobs come before this one. See [Schedules](../schedule.md).",
                            "{any: [orders, refunds], failed: run}");
  spec.field("all", &RawAfter::all, jobs,
             {.default_note = "`any` says which",
              .description = "This one runs when each of them has run since its last time.",
              .example = "[orders, customers]"})
      .field("any", &RawAfter::any, jobs,
             {.default_note = "`all` says which",
              .description = "This one runs when one of them has run.",
              .example = "[orders, refunds]"})
      .field("failed", &RawAfter::failed,
             config::choice<AfterFailed>({{"wait", AfterFailed::wait}, {"run", AfterFailed::run}}),
             {.default_text = "wait",
              .description = "Whether this one waits for a run that went well, where one before it "
                             "failed for good, or runs then too.",
              .example = "run"})
      .field("wait", &RawAfter::wait, config::located(config::duration()),
             {.default_note = "until its next time",
              .description = "Of a job that has `every` or `cron` too: how long a run waits, from "
                             "its time on, for those before it.",
              .example = "6h"})
      .field("late", &RawAfter::late,
             config::located(
                 config::choice<AfterLate>({{"skip", AfterLate::skip}, {"run", AfterLate::run}})),
             {.default_note = "skip",
              .description = "What becomes of a run that has waited so long: it is left out, or "
                             "begins without them.",
              .example = "run"});
  ValueSpec<RawAfter> inner = config::object_or_short(std::move(spec), jobs, &RawAfter::all);
  return {inner.doc,
          [inner](const YamlNode& node, ReadContext& context, ValueName name, RawAfter& out) {
            if (!inner.read(node, context, name, out)) return false;
            if (out.all.empty() != out.any.empty()) return true;
            context.fault(
                place(node.at),
                out.all.empty() ? "`after` names no job" : "`after` has both `all` and `any`",
                "name the jobs under one of them");
            return false;
          }};
}

ValueSpec<EachHalf> each_half_value(const std::string& key, const std::string& what,
                                    const std::string& example) {
  const ValueSpec<Name> one = config::name(what);
  ConfigSpec<EachHalf> spec(key,
                            "One for each half of a run, where `stage` of tidemark.yaml says "
                            "`shared: true`. See [Several servers](../servers.md).",
                            example);
  spec.field("extract", &EachHalf::extract, one,
             {.default_note = "none",
              .description = "Of who plans the run, reads the source and seals the stage.",
              .example = "shop"})
      .field("load", &EachHalf::load, one,
             {.default_note = "none",
              .description = "Of who transforms, checks and loads what was staged.",
              .example = "warehouse"});
  spec.check([key](const EachHalf& halves, const YamlNode& node, ReadContext& context) {
    if (halves.extract || halves.load) return;
    context.fault(place(node.at), "`" + key + "` names no half",
                  "write `extract` or `load` in it, or one name for both");
  });
  return config::object_or_short(std::move(spec), one, &EachHalf::both);
}

ValueSpec<VerifySpec> verify_value() {
  ConfigSpec<RawVerify> spec("verify",
                             "`tidemark serve` compares source and target by itself, as `tidemark "
                             "verify` does. Where they "
                             "differ the fire has failed, and says so. See [Verify](../verify.md).",
                             "{cron: \"0 3 * * SUN\"}");
  spec.field("every", &RawVerify::every, config::located(config::duration()),
             {.default_note = "`cron` says when",
              .description = "How often, at the multiples of it since 1970 in UTC.",
              .example = "7d"})
      .field("cron", &RawVerify::cron, cron_value(),
             {.default_note = "`every` says when",
              .description = "When, in the job's `timezone`.",
              .example = "\"0 3 * * SUN\""})
      .field("budget", &RawVerify::budget, config::duration(),
             {.default_text = "10m",
              .description = "No further part of the source is read after this time; what is left "
                             "comes first the next time.",
              .example = "30m"})
      .field("repair", &RawVerify::repair, config::boolean(),
             {.default_text = "false",
              .description = "Whether rows that are missing or different are loaded then, as with "
                             "`--repair`.",
              .example = "true"});
  return config::converted<VerifySpec, RawVerify>(config::object(std::move(spec)), to_verify);
}

ValueSpec<Name> cron_value() {
  ValueDoc doc{.shape = ValueShape::text, .phrase = "a cron expression such as \"0 2 * * *\""};
  ValueSpec<Name> inner = config::name(doc.phrase);
  return {doc, [inner](const YamlNode& node, ReadContext& context, ValueName name, Name& out) {
            if (!inner.read(node, context, name, out)) return false;
            const Result<Cron> cron = Cron::parse(out.value);
            if (cron.ok()) return true;
            context.fault(out.at, "`" + out.value + "`: " + cron.error().message,
                          cron.error().hint);
            return false;
          }};
}

ValueSpec<Name> timezone_value() {
  ValueDoc doc{.shape = ValueShape::text, .phrase = "a time zone such as Europe/Berlin"};
  ValueSpec<Name> inner = config::name(doc.phrase);
  return {doc, [doc, inner](const YamlNode& node, ReadContext& context, ValueName name, Name& out) {
            if (!inner.read(node, context, name, out)) return false;
            const bool good = looks_like_zone(out.value) && Zone::find(out.value).ok();
            return good || config::wrong_value(node, context, name, doc,
                                               "write the zone's name from the IANA list, or UTC");
          }};
}

ValueSpec<std::int64_t> day_value() {
  ValueDoc doc{.shape = ValueShape::text, .phrase = "a day such as 2026-12-24"};
  ValueSpec<Name> inner = config::name(doc.phrase);
  return {doc, [doc, inner](const YamlNode& node, ReadContext& context, ValueName name,
                            std::int64_t& out) {
            Name text;
            if (!inner.read(node, context, name, text)) return false;
            const std::optional<std::int64_t> day = day_of(text.value);
            if (!day) return config::wrong_value(node, context, name, doc);
            out = *day;
            return true;
          }};
}

ValueSpec<DayOrMoment> day_or_moment_value() {
  ValueDoc doc{.shape = ValueShape::text,
               .phrase = "a day such as 2026-12-24, or a moment such as 2026-12-24T18:00:00Z"};
  ValueSpec<Name> inner = config::name(doc.phrase);
  return {doc, [doc, inner](const YamlNode& node, ReadContext& context, ValueName name,
                            DayOrMoment& out) {
            Name text;
            if (!inner.read(node, context, name, text)) return false;
            out.day = day_of(text.value);
            if (out.day) return true;
            const auto moment = parse_utc(text.value);
            if (!moment.ok()) return config::wrong_value(node, context, name, doc);
            out.moment = *moment;
            return true;
          }};
}

ValueSpec<RetrySpec> retries_value() {
  ConfigSpec<RetrySpec> spec(
      "retries",
      "Whether a run that failed is tried again by itself: where the error may pass, such as a "
      "server that does not answer. Each pause is drawn from nothing to twice the width of the one "
      "before. See [Schedules](../schedule.md).",
      "{attempts: 8, pause: 5s}");
  const RetrySpec usual;
  spec.field("attempts", &RetrySpec::attempts, config::integer(1, 1000),
             {.default_text = std::to_string(usual.attempts),
              .description = "How often it is tried, the first time counted; 1: never again.",
              .example = "8"})
      .field("pause", &RetrySpec::pause, config::duration(),
             {.default_text = "10s",
              .description = "The longest pause before the second attempt.",
              .example = "5s"})
      .field("pause_max", &RetrySpec::pause_max, config::duration(),
             {.default_text = "10m",
              .description = "The longest pause before any attempt.",
              .example = "1h"})
      .field("within", &RetrySpec::within, config::duration(),
             {.default_text = "24h",
              .description = "No attempt begins later than this after the run was due.",
              .example = "2h"});
  return config::object(std::move(spec));
}

}  // namespace tidemark
