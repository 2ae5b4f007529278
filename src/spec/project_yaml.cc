#include "spec/project_yaml.h"

#include <algorithm>
#include <functional>
#include <string>
#include <utility>

#include "base/units.h"
#include "drivers/postgres/connection.h"
#include "drivers/redis/address.h"
#include "spec/alert_yaml.h"
#include "spec/api_yaml.h"
#include "spec/calendar_yaml.h"
#include "spec/guard_yaml.h"
#include "spec/log_yaml.h"
#include "spec/secrets_yaml.h"
#include "spec/telemetry_yaml.h"

namespace tidemark {

namespace {

constexpr std::int64_t memory_bytes_min = 32'000'000;
constexpr std::int64_t segment_bytes_min = 1'000;
constexpr std::chrono::milliseconds lease_min{1'000};
constexpr std::chrono::milliseconds lease_max{3'600'000};

bool is_word(std::string_view name) {
  const auto letter = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
  };
  return !name.empty() && letter(name[0]) && std::all_of(name.begin(), name.end(), [&](char c) {
    return letter(c) || (c >= '0' && c <= '9');
  });
}

// The connector a connection names: exactly one key of the mapping.
const ConnectorSpec* find_connector(const YamlNode& node, ReadContext& context,
                                    const ConnectorCatalog& catalog, const std::string& name) {
  const ConnectorSpec* found = nullptr;
  for (const YamlEntry& entry : node.entries) {
    const ConnectorSpec* connector = catalog.find(entry.key);
    if (connector == nullptr) continue;
    if (found != nullptr) {
      context.fault(entry.key_at,
                    "connection `" + name + "` names two connectors, `" + found->name() +
                        "` and `" + entry.key + "`",
                    "make two connections of it");
      return nullptr;
    }
    found = connector;
  }
  if (found != nullptr) return found;
  const std::string hint =
      "write one of " + list_words(catalog.names()) + " as a key, with what it connects to";
  for (const YamlEntry& entry : node.entries) {
    const std::string nearest = did_you_mean(entry.key, catalog.names());
    if (nearest.empty()) continue;
    context.fault(entry.key_at, "unknown connector `" + entry.key + "`" + nearest, hint);
    return nullptr;
  }
  context.fault(node.at, "connection `" + name + "` names no connector", hint);
  return nullptr;
}

ConnectionSpec read_connection(const YamlEntry& entry, ReadContext& context,
                               const ConnectorCatalog& catalog) {
  ConnectionSpec connection;
  connection.name = {entry.key, place(entry.key_at)};
  if (!is_word(entry.key)) {
    context.fault(entry.key_at, "`" + entry.key + "` cannot be the name of a connection",
                  "names are letters, digits and _, and do not start with a digit");
  }
  const YamlNode& node = entry.value;
  if (node.kind != YamlKind::map) {
    context.fault(node.at, "connection `" + entry.key + "` must be a mapping",
                  "for example {duckdb: warehouse.duckdb}");
    return connection;
  }
  const ConnectorSpec* connector = find_connector(node, context, catalog, entry.key);
  if (connector == nullptr) return connection;
  const bool good = connector->read(node, context, connection.config);
  if (const YamlNode* guard = node.find("guard");
      guard != nullptr && !connector->traits().guard_keys.empty()) {
    read_guard(*guard, context, connector->traits().guard_keys, connection.guard);
  }
  if (good) connection.connector = connector->name();
  if (const YamlNode* main = node.find(connector->name())) connection.shown = main->text;
  return connection;
}

using Connections = std::vector<ConnectionSpec>;

ValueSpec<Connections> connections_value(const ConnectorCatalog& catalog) {
  ValueDoc connection{.shape = ValueShape::any_of, .phrase = "a mapping that names a connector"};
  for (const ConnectorSpec& connector : catalog.list()) {
    connection.parts.push_back(
        {.shape = ValueShape::object, .phrase = "a mapping", .object = connector.doc()});
  }
  ValueDoc doc{.shape = ValueShape::map,
               .phrase = "a mapping of names to connections",
               .parts = {connection}};
  return {doc, [doc, &catalog](const YamlNode& node, ReadContext& context, ValueName name,
                               Connections& out) {
            if (node.kind != YamlKind::map) return config::wrong_value(node, context, name, doc);
            const std::size_t faults_before = context.fault_count();
            for (const YamlEntry& entry : node.entries)
              out.push_back(read_connection(entry, context, catalog));
            return context.fault_count() == faults_before;
          }};
}

constexpr std::string_view sqlite_scheme = "sqlite:";

bool is_address(std::string_view text) {
  return text.starts_with("postgres://") || text.starts_with("postgresql://");
}

bool check_store(const std::string& conninfo, const YamlNode& node, ReadContext& context) {
  const Status checked = postgres::check_conninfo(conninfo);
  if (checked.ok()) return true;
  std::string hint = checked.error().hint;
  // A password has no place beside a single text.
  if (node.kind != YamlKind::map && checked.error().code == "postgres.password_in_conninfo")
    hint = "write `store: {postgres: \"host=... dbname=... user=...\", password: \"${env:NAME}\"}`";
  const YamlNode* place = node.find("postgres");
  context.fault((place == nullptr ? node : *place).at, checked.error().message, std::move(hint));
  return false;
}

// `sqlite:PATH` or a PostgreSQL address; anything else would only fail later, at the first run.
ValueSpec<std::string> store_place() {
  ValueDoc doc{.shape = ValueShape::text, .phrase = "sqlite:PATH or postgres://..."};
  return {doc, [doc](const YamlNode& node, ReadContext& context, ValueName name, std::string& out) {
            if (!config::text(doc.phrase).read(node, context, name, out)) return false;
            if (is_address(out)) return check_store(out, node, context);
            const bool is_file =
                out.starts_with(sqlite_scheme) && out.size() > sqlite_scheme.size();
            // What was written is shown, never what its references hold.
            return is_file || config::wrong_value(node, context, name, doc,
                                                  "for example sqlite:.tidemark/store.db");
          }};
}

ValueSpec<StoreSpec> store_value() {
  ConfigSpec<StoreSpec> spec(
      "store",
      "Tidemark's own database: jobs, runs, history, leases. `sqlite:PATH` is a file of this "
      "machine, for one server. In PostgreSQL several servers share it; a `postgres://` address "
      "alone stands for `{postgres: ADDRESS}`.",
      "{postgres: host=db.example dbname=tidemark user=tidemark, password: "
      "\"${env:STORE_PASSWORD}\"}");
  spec.field("postgres", &StoreSpec::place, config::text("a connection text"),
             {.required = true,
              .description = "`key=value` pairs or a `postgres://` address, as libpq reads them, "
                             "without a password."})
      .field("password", &StoreSpec::password, config::secret(),
             {.description = "The user's password."})
      .field("schema", &StoreSpec::schema, config::text("the name of a schema"),
             {.default_text = "tidemark",
              .description = "The schema that holds the tables. Projects that share a database "
                             "each need one of their own.",
              .example = "tidemark_sales"});
  spec.check([](const StoreSpec& store, const YamlNode& node, ReadContext& context) {
    check_store(store.place, node, context);
    const YamlNode* password = node.find("password");
    if (password != nullptr && References::names(password->text, SecretPlace::store)) {
      context.fault(password->at, "the store's own password cannot stand in the store",
                    "write ${env:NAME}, ${file:PATH} or ${vault:MOUNT/PATH#FIELD}");
    }
    const YamlNode* schema = node.find("schema");
    if (schema != nullptr && !is_word(store.schema)) {
      context.fault(schema->at, "`" + store.schema + "` cannot be the schema of a store",
                    "names are letters, digits and _, and do not start with a digit");
    }
  });
  return config::object_or_short(std::move(spec), store_place(), &StoreSpec::place);
}

bool check_cache(const std::string& address, YamlPosition at, ReadContext& context) {
  const auto parsed = redis::parse_address(address);
  if (!parsed.ok()) context.fault(at, parsed.error().message, parsed.error().hint);
  return parsed.ok();
}

ValueSpec<std::string> cache_address() {
  ValueDoc doc = config::text("redis://host:port/db").doc;
  return {doc, [doc](const YamlNode& node, ReadContext& context, ValueName name, std::string& out) {
            return config::text(doc.phrase).read(node, context, name, out) &&
                   check_cache(out, node.at, context);
          }};
}

ValueSpec<CacheSpec> cache_value() {
  ConfigSpec<CacheSpec> spec(
      "cache",
      "A Redis (6.2 or later) that keeps answers to who looks on: lists of jobs and runs, and "
      "`tidemark status`. An address alone stands for `{redis: ADDRESS}`.",
      "{redis: \"redis://cache.example:6379/0\", password: \"${env:CACHE_PASSWORD}\"}");
  spec.field("redis", &CacheSpec::address, cache_address(),
             {.required = true,
              .description = "`redis://[USER@]HOST[:PORT][/DB]`, without a password."})
      .field("password", &CacheSpec::password, config::secret(),
             {.description = "The user's password, or the server's where no user is named."});
  return config::object_or_short(std::move(spec), cache_address(), &CacheSpec::address);
}

constexpr std::string_view forever = "forever";

using Keep = std::optional<std::chrono::milliseconds>;

ValueSpec<Keep> keep_value() {
  const ValueDoc word{.shape = ValueShape::choice,
                      .phrase = std::string(forever),
                      .choices = {std::string(forever)}};
  const ValueDoc doc{.shape = ValueShape::any_of,
                     .phrase = "a duration such as 7d, or forever",
                     .parts = {config::duration().doc, word}};
  return {doc, [doc](const YamlNode& node, ReadContext& context, ValueName name, Keep& out) {
            if (node.kind != YamlKind::scalar) return config::wrong_value(node, context, name, doc);
            if (node.text == forever) {
              out.reset();
              return true;
            }
            const Result<std::chrono::milliseconds> parsed = parse_duration(node.text);
            if (!parsed.ok())
              return config::wrong_value(node, context, name, doc, parsed.error().hint);
            out = *parsed;
            return true;
          }};
}

ValueSpec<StageSpec> stage_value() {
  const ValueSpec<std::string> path = config::text("a folder or s3://bucket/prefix");
  ConfigSpec<StageSpec> spec("stage",
                             "Where runs keep what they extracted, and for how long. A folder "
                             "alone stands for `{path: FOLDER}`.",
                             "{path: .tidemark/stage, keep: 30d}");
  spec.field("path", &StageSpec::path, path,
             {.default_text = ".tidemark/stage",
              .description = "The folder, relative to the project's.",
              .example = "/mnt/large/stage"})
      .field("keep", &StageSpec::keep, keep_value(),
             {.default_text = "7d",
              .description =
                  "How long a stage is kept for replay after it was sealed. What is not loaded, "
                  "what a blocked run or an open row in quarantine came from, and the newest stage "
                  "of each stream stay, however old they are.",
              .example = "30d"})
      .field("shared", &StageSpec::shared, config::boolean(),
             {.default_text = "false",
              .description =
                  "Every server of the project reaches this folder, for example over NFS. Then "
                  "extract and load are claimed apart: see [Several servers](../servers.md). Needs "
                  "a store in PostgreSQL.",
              .example = "true"});
  return config::object_or_short(std::move(spec), path, &StageSpec::path);
}

// Of a key that is no longer used: the fault is given before anybody reads its value.
template <class V>
ValueSpec<V> gone_value(ValueDoc doc) {
  return {std::move(doc), [](const YamlNode&, ReadContext&, ValueName, V&) { return false; }};
}

ValueSpec<std::vector<PoolSpec>> pools_value() {
  return config::converted<std::vector<PoolSpec>, std::vector<config::MapItem<std::int64_t>>>(
      config::map_of(config::integer(1, 1000), "a mapping of names to numbers"),
      [](auto&& items, const YamlNode&, ReadContext&, std::vector<PoolSpec>& pools) {
        for (auto& item : items)
          pools.push_back({std::move(item.key), item.value});
        return true;
      });
}

ConfigSpec<ProjectSpec> make_project_spec(const ConnectorCatalog& catalog) {
  ConfigSpec<ProjectSpec> spec(
      "project", "A project is a folder with `tidemark.yaml` and `jobs/*.yaml`.",
      "store: sqlite:.tidemark/store.db\nconnections:\n  landing: {files: data}\n"
      "  warehouse: {duckdb: warehouse.duckdb}\n");
  spec.field("connections", &ProjectSpec::connections, connections_value(catalog),
             {.required = true,
              .description = "The systems jobs read and write, by the names jobs use. Each holds "
                             "exactly one connector's "
                             "key and that connector's settings.",
              .example = "{warehouse: {duckdb: warehouse.duckdb}}"})
      .field("store", &ProjectSpec::store, store_value(),
             {.default_text = "sqlite:.tidemark/store.db",
              .description = "Tidemark's own database: jobs, runs, history, leases. See "
                             "docs/store.md.",
              .example = "postgres://tidemark@db.example/tidemark"})
      .field("cache", &ProjectSpec::cache, cache_value(),
             {.default_note = "none",
              .description = "A Redis beside the store, which makes looking on cheaper where many "
                             "look. What it gives is at most two seconds old; nothing is decided "
                             "by it, and when it is gone the store is asked. See docs/store.md.",
              .example = "redis://cache.example:6379/0"})
      .field("stage", &ProjectSpec::stage, stage_value(),
             {.default_text = ".tidemark/stage",
              .description =
                  "Where runs keep what they extracted, until the data is loaded and for replay. "
                  "A folder, one for each project.",
              .example = ".tidemark/stage"})
      .field("secrets", &ProjectSpec::secrets, secrets_value(),
             {.default_text = "{key_file: .tidemark/secret.key}",
              .description = "The key of the secrets that stand in the store, for "
                             "`${secret:NAME}`, and Vault, for `${vault:MOUNT/PATH#FIELD}`. See "
                             "[Secrets](../secrets.md).",
              .example = "{key_env: TIDEMARK_KEY}"})
      .field("stage_keep", &ProjectSpec::stage, gone_value<StageSpec>(config::duration().doc),
             {.deprecated = "write `stage: {keep: 30d}`"})
      .field(
          "history", &ProjectSpec::history, keep_value(),
          {.default_text = "90d",
           .description =
               "How long `tidemark serve` keeps what it knows of a run after its end. The newest "
               "run of each job, the last that loaded each stream, what is blocked, and runs "
               "that refused rows stay; one that staged rows at least as long as its stage.",
           .example = "365d"})
      .field("audit", &ProjectSpec::audit, keep_value(),
             {.default_text = "400d",
              .description = "How long the audit log is kept: who did what by a command or over "
                             "the network. See [Who may do what](../access.md).",
              .example = "forever"})
      .field("lease", &ProjectSpec::lease, config::duration(),
             {.default_text = "30s",
              .description =
                  "How long a job stays with a run that gives no sign of life, before another "
                  "process may take it over. A run whose process has died on this machine is taken "
                  "over at once. From 1s to 1h.",
              .example = "30s"})
      .field("memory", &ProjectSpec::memory_bytes, config::size(),
             {.default_text = "1GB",
              .description =
                  "The memory a run keeps to: past it, it spills to disk. At least 32MB. Closing a "
                  "DuckDB file may take some 150MB above a small one.",
              .example = "4GB"})
      .field("segment", &ProjectSpec::segment_bytes, config::size(),
             {.default_text = "100MB",
              .description = "The most bytes a run buffers before it seals a segment of its stage.",
              .example = "100MB"})
      .field("shrink_limit", &ProjectSpec::shrink_limit, config::percent(),
             {.default_text = "50%",
              .description = "A full load that would remove more than this share of the target's "
                             "rows is blocked until a "
                             "person allows it. A job may set its own.",
              .example = "10%"})
      .field("workers", &ProjectSpec::workers, config::integer(1, 1000),
             {.default_text = "4",
              .description = "How many runs `tidemark serve` has at a time.",
              .example = "16"})
      .field("pools", &ProjectSpec::pools, pools_value(),
             {.default_note = "none",
              .description = "Names for groups of jobs (`pool` in a job), and how many of each run "
                             "at a time.",
              .example = "{nightly: 2}"})
      .field("calendars", &ProjectSpec::calendars, calendars_value(),
             {.default_note = "none",
              .description = "Names for days on which jobs do not run by themselves (`calendar` in "
                             "a job).",
              .example = "{berlin: {weekdays_off: [SAT, SUN], file: holidays.csv}}"})
      .field("api", &ProjectSpec::api, api_value(),
             {.default_note = "none",
              .description = "Where `tidemark serve` listens for requests over HTTP.",
              .example = "{listen: \"127.0.0.1:8080\"}"})
      .field("alerts", &ProjectSpec::alerts, alerts_value(),
             {.default_note = "nobody is told",
              .description = "To whom `tidemark serve` tells what is not as it should be, and how.",
              .example = "{channels: {own: {webhook: https://hooks.example/tidemark}}}"})
      .field("log", &ProjectSpec::log, log_value(),
             {.default_text = "{level: info, format: text}",
              .description = "What is told on stderr of the work under way, and how.",
              .example = "{level: info, levels: {schedule: debug}, format: json}"})
      .field("prices", &ProjectSpec::prices, prices_value(),
             {.default_note = "nothing costs anything",
              .description = "What processor time and bytes cost, to tell what runs cost.",
              .example = "{currency: EUR, cpu_hour: 0.04, gb_read: 0.01}"})
      .field("telemetry", &ProjectSpec::telemetry, telemetry_value(),
             {.default_note = "no traces are sent",
              .description = "Where traces of runs are sent, and what they say of the service.",
              .example = "{otlp: {endpoint: \"http://localhost:4318\"}}"});
  spec.check([](const ProjectSpec& project, const YamlNode& node, ReadContext& context) {
    check_secrets(project.secrets, node, context);
    const YamlNode* lease = node.find("lease");
    if (lease != nullptr && (project.lease < lease_min || project.lease > lease_max)) {
      context.fault(lease->at, "`lease` must be from 1s to 1h",
                    "30s is good: short enough to go on soon, long enough for a busy machine");
    }
    const YamlNode* memory = node.find("memory");
    if (memory != nullptr && project.memory_bytes < memory_bytes_min) {
      context.fault(memory->at, "`memory` must be at least 32MB: the engine needs that much itself",
                    "1GB is a good beginning");
    }
    if (project.stage.shared && project.store.sqlite_path()) {
      context.fault(node.find("stage")->at,
                    "`shared` is for servers that share a store, and this project's is a file",
                    "remove `shared`, or move the store to PostgreSQL: `tidemark store migrate`");
    }
    const YamlNode* segment = node.find("segment");
    if (segment != nullptr && project.segment_bytes < segment_bytes_min) {
      context.fault(segment->at, "`segment` must be at least 1KB",
                    "100MB is a good size; each segment is a file");
    }
  });
  return spec;
}

// What stands there, whatever blanks and comments are between; `but`: without that key.
std::string words_of(const YamlNode& node, std::string_view but = {}) {
  std::string words = std::to_string(static_cast<int>(node.kind)) + (node.quoted ? "q" : "") +
                      std::to_string(node.text.size()) + ":" + node.text;
  for (const YamlNode& item : node.items)
    words += "," + words_of(item);
  for (const YamlEntry& entry : node.entries) {
    if (entry.key != but)
      words += ";" + std::to_string(entry.key.size()) + ":" + entry.key + words_of(entry.value);
  }
  return words + ".";
}

}  // namespace

ProjectSpec read_project(const YamlDocument& document, ReadContext& context,
                         const ConnectorCatalog& catalog) {
  ProjectSpec project;
  const ConfigSpec<ProjectSpec> spec = make_project_spec(catalog);
  if (document.root().kind == YamlKind::null) {
    context.fault(Location{1, 1}, "the file is empty",
                  "write at least `connections:`; `tidemark init` makes a project");
    return spec.defaults();
  }
  spec.read(document.root(), context, project);
  project.settings = std::hash<std::string>{}(words_of(document.root(), "log"));
  return project;
}

std::shared_ptr<const ObjectDoc> project_doc(const ConnectorCatalog& catalog) {
  return make_project_spec(catalog).doc();
}

}  // namespace tidemark
