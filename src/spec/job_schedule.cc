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

}  // namespace tidemark
