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

// Since 1970; of a day there is.
std::optional<std::int64_t> day_of(const std::string& text) {
  if (text.size() != std::string_view("2026-12-24").size()) return std::nullopt;
  const auto midnight = parse_utc(text + "T00:00:00Z");
  if (!midnight.ok()) return std::nullopt;
  return midnight->get() / 86'400'000'000;
}

}  // namespace

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
