#include "spec/guard_yaml.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "spec/job_parts.h"

namespace tidemark {
namespace {

ValueSpec<QuietHours> quiet_hours_value() {
  ValueDoc doc{.shape = ValueShape::text, .phrase = "hours such as Mon-Fri 08:00-18:00"};
  return {doc, [doc](const YamlNode& node, ReadContext& context, ValueName name, QuietHours& out) {
            if (node.kind != YamlKind::scalar) return config::wrong_value(node, context, name, doc);
            auto parsed = QuietHours::parse(node.text);
            if (!parsed.ok())
              return config::wrong_value(node, context, name, doc, parsed.error().hint);
            out = std::move(*parsed);
            return true;
          }};
}

ConfigSpec<GuardSpec> make_guard_spec() {
  ConfigSpec<GuardSpec> spec(
      "guard",
      "What protects the system behind the connection. The limits are shared by every job that "
      "reads from it; loads into it are not held back.",
      "{rows_per_second: 50000, connections: 4, quiet_hours: Mon-Fri 08:00-18:00}");
  spec.field("rows_per_second", &GuardSpec::rows_per_second, config::integer(1, 1'000'000'000),
             {.default_note = "no limit",
              .description = "Rows read from it each second, over all runs.",
              .example = "50000"})
      .field("bytes_per_second", &GuardSpec::bytes_per_second, config::size(),
             {.default_note = "no limit",
              .description = "Bytes read from it each second, over all runs.",
              .example = "20MB"})
      .field(
          "connections", &GuardSpec::connections, config::integer(1, 1000),
          {.default_note = "no limit",
           .description = "Connections that read from it at once. A run waits for one; a job that "
                          "holds none and has read little comes first.",
           .example = "4"})
      .field("replica", &GuardSpec::replica, config::text("what differs from the main argument"),
             {.default_note = "none",
              .description =
                  "A standby that rows are read from, written as the main argument is; only what "
                  "differs is needed. The primary is asked how far a run may read, and the standby "
                  "is read once it has come there.",
              .example = "host=replica.example"})
      .field(
          "replica_wait", &GuardSpec::replica_wait, config::duration(),
          {.default_text = "30s",
           .description = "How long a run waits for the replica to come to where the primary was.",
           .example = "5m"})
      .field("replica_late", &GuardSpec::replica_late,
             config::choice<ReplicaLate>(
                 {{"primary", ReplicaLate::primary}, {"fail", ReplicaLate::fail}}),
             {.default_note = "fail",
              .description = "What becomes of a run whose replica does not come in time, or cannot "
                             "be reached: it reads from the primary, or fails.",
              .example = "primary"})
      .field("quiet_hours", &GuardSpec::quiet_hours,
             config::list_or_one(quiet_hours_value(), "hours, or a list of them"),
             {.default_note = "none",
              .description = "When no run may begin to read. One that reads already goes on.",
              .example = "Mon-Fri 08:00-18:00"})
      .field("timezone", &GuardSpec::timezone, timezone_value(),
             {.default_note = "UTC",
              .description = "The zone of `quiet_hours`.",
              .example = "Europe/Berlin"})
      .field("statement_timeout", &GuardSpec::statement_timeout, config::duration(),
             {.default_note = "the server's",
              .description = "The longest a statement may run, also one that reads a whole table.",
              .example = "2h"})
      .field("lock_timeout", &GuardSpec::lock_timeout, config::duration(),
             {.default_text = "30s",
              .description = "The longest a statement may wait for a lock.",
              .example = "5s"})
      .field("idle_in_transaction_timeout", &GuardSpec::idle_in_transaction_timeout,
             config::duration(),
             {.default_text = "1h",
              .description = "The longest a session may do nothing while its transaction is open.",
              .example = "10m"})
      .field("slow_above", &GuardSpec::slow_above, config::duration(),
             {.default_note = "not looked at",
              .description = "While the server takes longer than this to answer a small question, "
                             "runs read more slowly. Looked at twice a second, over a session of "
                             "its own.",
              .example = "50ms"})
      .field("lag_above", &GuardSpec::lag_above, config::size(),
             {.default_note = "not looked at",
              .description = "While a standby of the server is further behind than this, runs read "
                             "more slowly. The user must see it (`pg_monitor`).",
              .example = "100MB"})
      .field("scan_limit", &GuardSpec::scan_limit_bytes, config::size(),
             {.default_text = "1GB",
              .description = "A table larger than this is not followed by a watermark without an "
                             "index, unless the job says `allow_seq_scan`.",
              .example = "10GB"});
  return spec;
}

const ConfigSpec<GuardSpec>& guard_spec() {
  static const ConfigSpec<GuardSpec> spec = make_guard_spec();
  return spec;
}

}  // namespace

std::vector<std::string> guard_keys() {
  std::vector<std::string> keys;
  for (const FieldDoc& field : guard_spec().doc()->fields)
    keys.push_back(field.name);
  return keys;
}

void read_guard(const YamlNode& node, ReadContext& context, const std::vector<std::string>& keys,
                GuardSpec& guard) {
  const std::vector<std::string> all = guard_keys();
  for (const YamlEntry& entry : node.entries) {
    const bool known = std::find(all.begin(), all.end(), entry.key) != all.end();
    if (!known || std::find(keys.begin(), keys.end(), entry.key) != keys.end()) continue;
    context.fault(entry.key_at, "`" + entry.key + "` does not work with this connector",
                  "the keys here are " + list_words(keys));
  }
  guard_spec().read(node, context, guard);
}

FieldDoc guard_field(const std::vector<std::string>& keys) {
  FieldDoc field;
  field.name = "guard";
  field.value = config::object(guard_spec()).doc;
  auto some = std::make_shared<ObjectDoc>(*guard_spec().doc());
  std::erase_if(some->fields, [&](const FieldDoc& one) {
    return std::find(keys.begin(), keys.end(), one.name) == keys.end();
  });
  field.value.object = std::move(some);
  field.default_note = "no limits";
  field.description = guard_spec().doc()->description;
  field.example = guard_spec().doc()->example;
  return field;
}

}  // namespace tidemark
