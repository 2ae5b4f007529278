#include "plan/planner.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "base/nearest.h"
#include "connect/expression.h"
#include "connect/fit.h"
#include "connect/trial_schema.h"
#include "plan/load_id.h"
#include "stage/stage.h"

namespace tidemark {

namespace {

std::string replace_all(std::string text, std::string_view mark, std::string_view value) {
  for (std::size_t at = text.find(mark); at != std::string::npos;
       at = text.find(mark, at + value.size())) {
    text.replace(at, mark.size(), value);
  }
  return text;
}

// `raw.{table}` for stream `public.orders`: {schema} is `public`, {table} is `orders`.
std::string target_table(const std::string& pattern, const std::string& stream) {
  const std::size_t dot = stream.find('.');
  const std::string schema = dot == std::string::npos ? "" : stream.substr(0, dot);
  const std::string table = dot == std::string::npos ? stream : stream.substr(dot + 1);
  return replace_all(replace_all(pattern, "{table}", table), "{schema}", schema);
}

Result<std::vector<std::string>> upsert_key(const TargetSpec& to, const Schema& source,
                                            const std::string& stream) {
  std::vector<std::string> key;
  for (const Name& column : to.key)
    key.push_back(column.value);
  if (key.empty()) key = source.key;
  if (!key.empty()) return key;
  return user_error(
      "plan.no_key",
      "`load: upsert` needs a key, and the source of `" + stream + "` has no primary key",
      "name the columns that make a row unique: `key: [order_id]` in the job's `to`");
}

RuleSpec built_in_rule(std::string name, std::string check, std::string column,
                       std::string message) {
  RuleSpec rule;
  rule.name.value = std::move(name);
  rule.check.text = std::move(check);
  rule.column = Name{column, {}};
  rule.message = std::move(message);
  return rule;
}

// What the target cannot take is refused row by row, so that one value never stops a load.
std::vector<RuleSpec> target_rules(const LoadTarget& target, const std::optional<Schema>& present,
                                   const std::vector<Acceptance>& acceptance, bool of_own_values) {
  std::set<std::string> required(target.key.begin(), target.key.end());
  if (present) {
    for (const Column& column : present->columns) {
      if (!column.nullable && target.schema.find(column.name)) required.insert(column.name);
    }
  }
  std::vector<RuleSpec> rules;
  for (const std::string& column : required) {
    rules.push_back(built_in_rule("not_null:" + column, not_null_sql(column), column,
                                  "`" + column + "` is NULL, which the target does not take"));
  }
  for (const Acceptance& accept : acceptance) {
    if (of_own_values && accept.own_values_hold) continue;
    rules.push_back(built_in_rule("fits:" + accept.column, accept.predicate, accept.column,
                                  "`" + accept.column + "` " + accept.reason));
    rules.back().nulls = RuleNulls::pass;
  }
  return rules;
}

// The rows are what a source of the target's own system gives, as it gives them: no step makes
// another value, and no person did. What is not read now, but staged before, may be of what the
// source was then, of a connection that is gone.
bool has_own_values(const JobSpec& job, const ProjectSpec& project, const StreamPlan& plan) {
  if (plan.splits.empty() || !plan.transform.empty()) return false;
  const ConnectionSpec& from = *project.find_connection(job.from.connection.value);
  const ConnectionSpec& to = *project.find_connection(job.to.connection.value);
  return from.connector == to.connector;
}

// Of several versions of a key in one window one is loaded, last (default) or first: by the
// watermark where the steps keep its column, then by the order of reading.
TransformStep one_version_step(const JobSpec& job, const std::vector<std::string>& key,
                               const Schema& rows) {
  DedupeStep dedupe;
  for (const std::string& column : key)
    dedupe.key.push_back({column, job.to.load_at});
  dedupe.newest_first = job.to.on_duplicate != OnDuplicate::first;
  if (job.from.watermark && rows.find(job.from.watermark->value)) {
    dedupe.order.text = duck::quote_name(job.from.watermark->value) +
                        (dedupe.newest_first ? " DESC NULLS LAST" : " ASC NULLS LAST");
  }
  return {std::move(dedupe), job.to.load_at};
}

// Single rows that were refused by a load of all rows join the ones that were not.
LoadStrategy strategy_of(const JobSpec& job, const StreamPlan& plan) {
  if (plan.kind == LoadKind::requarantine && job.to.load == LoadStrategy::full)
    return LoadStrategy::append;
  return plan.replaces ? LoadStrategy::full : job.to.load;
}

RowKey row_key_of(const JobSpec& job, const StreamPlan& plan) {
  RowKey key;
  const Schema& rows = plan.transform.out;
  for (const std::string& name : plan.target.key) {
    if (const auto at = find_column(rows, name)) key.columns.push_back(rows.columns[*at]);
  }
  if (key.columns.size() != plan.target.key.size()) key.columns.clear();  // refused by sink.plan()
  key.newest_first = job.to.on_duplicate != OnDuplicate::first;
  std::vector<std::string> columns = plan.target.key;
  if (job.from.watermark && rows.find(job.from.watermark->value)) {
    key.order = job.from.watermark->value;
    key.order_written = last_writer(job.transform, {key.order}) > 0;
    columns.push_back(key.order);
  }
  key.last_writer = last_writer(job.transform, columns);
  key.order_of_steps = std::any_of(
      job.transform.begin(), job.transform.end(),
      [](const TransformStep& step) { return std::holds_alternative<DedupeStep>(step.kind); });
  return key;
}

}  // namespace

// A trial's table is named after the job's and the run, in a schema of its own, so that nobody else
// means it.
std::string table_of(const JobSpec& job, const std::string& stream) {
  const std::string table = target_table(job.to.table.value, stream);
  if (!job.trial) return table;
  // Beside a run's id, in the 63 bytes that PostgreSQL has for a name.
  constexpr std::size_t stem_max = 40;
  std::string stem = table.substr(table.rfind('.') + 1).substr(0, stem_max);
  const auto plain = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
  };
  for (char& c : stem)
    c = plain(c) ? c : '_';
  return std::string(trial_schema) + "." + stem + "_" + job.trial->run.get();
}

Status check_guarantee(const JobSpec& job, const WindowBound& bound) {
  const auto& least = job.from.min_guarantee;
  if (!least || bound.guarantee <= least->value) return {};
  return Error{"blocked.guarantee",
               Fault::user,
               Retry::never,
               "the watermark of this job is only `" + std::string(to_string(bound.guarantee)) +
                   "` (" + bound.reason + ") and `min_guarantee` asks for `" +
                   std::string(to_string(least->value)) + "`",
               {},
               "earn the better guarantee as the reason says, or lower `min_guarantee`"};
}

Result<std::filesystem::path> stage_root(const ProjectSpec& project) {
  if (project.stage.path.find("://") != std::string::npos) {
    return user_error(
        "spec.stage", "`stage: " + project.stage.path + "` is not a folder",
        "this version stages on a local disk: write a folder, for example .tidemark/stage");
  }
  return project.root / project.stage.path;
}

std::string name_in_target(const JobSpec& job, const StreamName& stream) {
  if (const auto* table = std::get_if<TableInput>(&job.from.input)) return table->table.value;
  return stream.get();
}

std::string kept_stage_dir(const ProjectSpec& project, const std::filesystem::path& dir) {
  if (std::filesystem::path(project.stage.path).is_absolute()) return dir.string();
  return dir.lexically_relative(project.root).string();
}

std::filesystem::path found_stage_dir(const ProjectSpec& project, const std::string& kept) {
  return (project.root / kept).lexically_normal();
}

std::optional<Schema> Planner::pinned_schema(const StreamId& id) {
  auto root = stage_root(project_);
  if (!root.ok()) return std::nullopt;
  auto folders = stage_folders(staged_stream(*root, id));
  if (!folders.ok()) return std::nullopt;
  for (auto folder = folders->rbegin(); folder != folders->rend(); ++folder) {
    if (folder->kind != StageKind::sealed) continue;
    auto stage = Stage::open(folder->dir, files_);
    if (stage.ok()) return stage->manifest().schema;
  }
  return std::nullopt;
}

Status Planner::attach_references(const JobSpec& job, const PlanOptions& options, StreamPlan& plan,
                                  Cancel& cancel) {
  const ConnectorContext context = context_of(job.name, {}, options);
  std::map<std::string, std::set<std::string>> wanted;
  auto add = [&](const std::vector<std::string>& names) {
    for (const std::string& name : names) {
      const std::size_t dot = name.find('.');
      if (dot != std::string::npos) wanted[name.substr(0, dot)].insert(name.substr(dot + 1));
    }
  };
  add(tables_read(job.transform, engine_));
  add(tables_read(job.rules, engine_));
  plan.reads.clear();
  plan.copies.clear();
  // By the order of their names, so that no two wait for each other.
  for (const auto& [name, tables] : wanted) {
    const ConnectionSpec* connection = project_.find_connection(name);
    if (connection == nullptr)
      continue;  // a schema of the relation itself, or a fault that binding will name
    plan.reads.push_back({name, {tables.begin(), tables.end()}});
    TM_TRY(const Connector* connector, connectors_.of(*connection));
    if (connector->attaches_copies()) {
      TM_TRY(auto turn, guards_.of(name).copies().take(cancel));
      plan.copies.push_back(std::move(turn));
    }
    TM_CHECK(connector->attach(*connection, plan.reads.back().tables, context, cancel));
  }
  return {};
}

Result<PreparedStream> Planner::plan_stream(const JobSpec& job, const StreamSpec& stream,
                                            bool many_streams, Sink& sink,
                                            const PlanOptions& options, Cancel& cancel,
                                            const Window* stored) {
  PreparedStream prepared;
  StreamPlan& plan = prepared.plan;
  plan.id = {job.name, many_streams ? stream.name : StreamName("main")};

  const ConnectionSpec& from = *project_.find_connection(job.from.connection.value);
  TM_TRY(const Connector* connector, connectors_.of(from));
  const ConnectorContext context = context_of(job.name, "/" + stream.name.get(), options);
  TM_TRY(prepared.source, connector->open_source(from, stream, job.to.load, context, cancel));
  Source& source = *prepared.source;

  TM_TRY(std::optional<LedgerRow> head, sink.committed(plan.id, cancel));
  plan.seq = Seq(head ? head->seq.get() + 1 : 1);
  plan.fence = head ? head->fence : Fence(0);
  Progress progress;
  progress.full_requested = options.full || job.to.load == LoadStrategy::full;
  progress.same_source = options.same_source;
  if (head) progress.lo = head->window.hi;
  if (store_ != nullptr) {
    TM_TRY(progress.memory, store_->source_memory(plan.id));
  }
  if (source.wants_history()) {
    TM_TRY(progress.history, sink.history(plan.id, cancel));
  }
  std::optional<Schema> known;
  if (head) {
    TM_TRY(known, carried_columns(plan.id, sink, cancel));
    if (const auto pinned = known ? known : pinned_schema(plan.id)) source.pin(*pinned);
  }
  TM_TRY(plan.bound, source.upper(progress, cancel));
  plan.can_go_on = source.can_go_on();
  // The window of a read that is gone on with is the one it began with.
  if (stored != nullptr && plan.can_go_on && stored->lo == plan.bound.window.lo && stored->hi) {
    plan.bound.window = *stored;
    plan.bound.nothing_new = false;
  }
  TM_CHECK(check_guarantee(job, plan.bound));
  plan.load_id = load_id_of(plan.id, LoadKind::window, plan.seq, window_text(plan.bound.window));
  // What was appended cannot be told from what is read again, so then the rows take the place of
  // all.
  plan.replaces = options.full && job.to.load == LoadStrategy::append;
  plan.target.table = table_of(job, stream.name.get());
  plan.target.strategy = strategy_of(job, plan);
  plan.idle_reason = "nothing new since the last window";
  TM_CHECK(look_for_sweep(job, stream, head.has_value(), sink, options, plan, cancel));
  // Drift is told as soon as it can be seen, but nobody waits for it at a run that reads nothing.
  const bool looks = options.read_only || job.schema_drift == SchemaDrift::freeze;
  if (plan.bound.nothing_new && !(head && looks)) return prepared;
  TM_TRY(plan.input, source.discover(cancel));
  const DriftInput drift{job, stream.name.get(), known, source, sink, progress, options};
  if (head) {
    TM_CHECK(meet_drift(drift, plan, cancel));
  } else {
    plan.carried = carried_text(plan.input);
  }
  if (plan.bound.nothing_new || plan.blocked) return prepared;
  TM_TRY(plan.splits, source.split(plan.bound.window, cancel));
  plan.can_go_on = source.can_go_on();
  // Where tables are read for steps and rules, a connection of the source may be wanted by them.
  if (guards_.of(from.name.value).spec().connections) source.rest();
  Status planned = plan_load(job, stream.name.get(), plan, sink, options, cancel);
  TM_CHECK(judge_drift(drift, std::move(planned), plan, cancel));
  if (!plan.blocked) TM_CHECK(open_keys(job, stream, options, prepared, cancel));
  const LoadKey key{plan.id, plan.seq, plan.fence, {}, plan.kind, plan.load_id};
  if (!plan.blocked && loads_ahead(plan, job, project_) &&
      sink.load_ahead(key, plan.target, steps_ahead(plan))) {
    plan.load.notes.push_back(
        "the target gets the rows while they are read, unseen until the stage is sealed and the "
        "load commits");
  }
  return prepared;
}

Status Planner::plan_load(const JobSpec& job, const std::string& stream, StreamPlan& plan,
                          Sink& sink, const PlanOptions& options, Cancel& cancel) {
  TM_CHECK(attach_references(job, options, plan, cancel));
  plan.target.table = table_of(job, stream);
  plan.target.strategy = strategy_of(job, plan);
  TM_TRY(plan.transform,
         compile_transform(job.transform, plan.input, job.file, engine_, plan.lead));
  if (job.to.load == LoadStrategy::upsert) {
    TM_TRY(plan.target.key, upsert_key(job.to, plan.input, stream));
    std::vector<TransformStep> steps = job.transform;
    steps.push_back(one_version_step(job, plan.target.key, plan.transform.out));
    plan.row_key = row_key_of(job, plan);
    TM_TRY(plan.transform, compile_transform(steps, plan.input, job.file, engine_, plan.lead));
  } else {
    // With `full` the key may be written; it is never guessed, since it refuses rows.
    for (const Name& column : job.to.key) {
      if (!plan.transform.out.find(column.value)) {
        return user_error("plan.no_key_column",
                          "the key's column `" + column.value + "` is not among the rows to load",
                          "correct `key`, or keep the column in `transform`");
      }
      plan.target.key.push_back(column.value);
    }
  }

  plan.target.schema = plan.transform.out;
  TM_CHECK(plan_deletes(job, plan));
  plan.target.shrink_limit =
      job.to.shrink_limit ? job.to.shrink_limit : std::optional(project_.shrink_limit);
  plan.target.allow_empty = job.to.allow_empty || options.allow_empty;
  plan.target.replace = job.to.replace;
  TM_TRY(std::optional<Schema> present, sink.describe(plan.target.table, cancel));
  plan.target.must_be_new = job.trial.has_value();
  if (present && plan.target.must_be_new) return table_taken(plan.target.table);
  // Only the new window would be in a table made anew.
  const bool adds_window = plan.kind == LoadKind::window && plan.seq > Seq(1) &&
                           job.to.load != LoadStrategy::full && !options.full && !plan.replaces;
  if (!present && (adds_window || plan.kind == LoadKind::requarantine))
    return table_gone(plan.target.table);
  plan.target.was_there = present.has_value();
  std::vector<RuleSpec> rules = job.rules;
  TM_TRY(const std::vector<Acceptance> acceptance, sink.acceptance(plan.target, cancel));
  const bool of_own_values = has_own_values(job, project_, plan);
  for (RuleSpec& rule : target_rules(plan.target, present, acceptance, of_own_values))
    rules.push_back(std::move(rule));
  if (plan.deletes && plan.deletes->sweep) {
    for (const Acceptance& accept : acceptance) {
      const auto& key = plan.target.key;
      if (std::find(key.begin(), key.end(), accept.column) != key.end())
        plan.deletes->sweep->held.push_back(accept.predicate);
    }
  }
  // The mark is no column of theirs: it is set behind them.
  std::erase_if(rules, [&](const RuleSpec& rule) {
    return !plan.target.mark.empty() && rule.column && rule.column->value == plan.target.mark &&
           rule.name.value.find(':') != std::string::npos;
  });
  TM_TRY(plan.rules, compile_rules(rules, plan.transform.out, job.file, engine_));
  TM_TRY(plan.load, sink.plan(plan.target, cancel));
  return {};
}

Status check_own_table(const JobSpec& job, const std::vector<PreparedStream>& others,
                       const StreamPlan& plan) {
  const bool may_share = job.to.load != LoadStrategy::full && !plan.replaces &&
                         job.to.table.value.find("{table}") == std::string::npos;
  if (may_share) return {};
  for (const PreparedStream& other : others) {
    if (!same_name(other.plan.target.table, plan.target.table)) continue;
    return user_error(
        "plan.shared_table",
        "the streams `" + other.plan.id.stream.get() + "` and `" + plan.id.stream.get() +
            "` would both load into " + plan.target.table,
        "tell them apart in the job's `to`, for example `table: \"{schema}_{table}\"`, "
        "or leave one out with `except`");
  }
  return {};
}

Result<JobPlan> Planner::open_target(const JobSpec& job, const PlanOptions& options,
                                     Cancel& cancel) {
  JobPlan plan;
  plan.job = job.name;
  const ConnectionSpec& to = *project_.find_connection(job.to.connection.value);
  const ConnectorContext context = context_of(job.name, {}, options);
  TM_TRY(const Connector* connector, connectors_.of(to));
  TM_TRY(plan.sink, connector->open_sink(to, context, cancel));
  return plan;
}

Result<std::vector<StreamSpec>> Planner::streams_of(const JobSpec& job, const PlanOptions& options,
                                                    Cancel& cancel) {
  const ConnectionSpec& from = *project_.find_connection(job.from.connection.value);
  TM_TRY(const Connector* connector, connectors_.of(from));
  return connector->streams(from, job.from, context_of(job.name, {}, options), cancel);
}

ConnectorContext Planner::context_of(const JobName& job, const std::string& what,
                                     const PlanOptions& options) {
  const std::string who = job.get() + (options.rate_share ? " backfill" : "");
  return {project_,          engine_,  "tidemark " + job.get() + what + " " + options.run.get(),
          options.read_only, &guards_, who};
}

Result<JobPlan> Planner::plan(const JobSpec& job, const PlanOptions& options, Cancel& cancel) {
  if (!options.read_only && !options.in_quiet_hours)
    TM_CHECK(guards_.of(job.from.connection.value).check_hours());
  TM_TRY(JobPlan plan, open_target(job, options, cancel));
  TM_TRY(const std::vector<StreamSpec> streams, streams_of(job, options, cancel));
  const bool many = std::holds_alternative<TablesInput>(job.from.input);
  for (const StreamSpec& stream : streams) {
    auto prepared = plan_stream(job, stream, many, *plan.sink, options, cancel);
    if (!prepared.ok()) {
      return std::move(prepared).error().with_context(
          "planning job `" + job.name.get() + "`" +
          (many ? ", stream `" + stream.name.get() + "`" : ""));
    }
    TM_CHECK(check_own_table(job, plan.streams, prepared->plan));
    plan.guarantee = std::max(plan.guarantee, prepared->plan.bound.guarantee);
    if (many) prepared->source->rest();
    plan.streams.push_back(std::move(*prepared));
  }
  return plan;
}

}  // namespace tidemark
