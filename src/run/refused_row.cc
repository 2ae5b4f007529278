#include "run/refused_row.h"

#include <algorithm>
#include <memory>
#include <string_view>
#include <utility>

#include "drivers/duckdb/file_name.h"
#include "drivers/hash/hash.h"
#include "plan/edited_rows.h"
#include "plan/load_id.h"
#include "plan/planner.h"
#include "quality/quarantine.h"
#include "run/lease.h"

namespace tidemark {

namespace {

constexpr const char* quarantine_table = "tidemark_quarantine";

// The target of a job, open.
struct Target {
  std::unique_ptr<duck::Connection> engine;
  std::unique_ptr<Sink> sink;
  // A query in its own SQL, on a connection of its own, since it may set where names are looked up.
  std::unique_ptr<duck::Connection> asking;
  const ConnectionSpec* connection = nullptr;
  const Connector* connector = nullptr;
  ConnectorContext context;

  Result<duck::Answer> ask(const std::string& sql, Cancel& cancel) {
    const ConnectorContext own{context.project, *asking, context.application_name,
                               context.read_only};
    return connector->answer(*connection, sql, own, cancel);
  }
};

Result<Target> open_target(const RowParts& parts, const JobSpec& job, Cancel& cancel) {
  TM_TRY(auto engine, parts.engine.connect());
  TM_TRY(auto asking, parts.engine.connect());
  const ConnectionSpec* const to = parts.project.find_connection(job.to.connection.value);
  TM_TRY(const Connector* connector, parts.connectors.of(*to));
  const ConnectorContext context{parts.project, *engine, "tidemark " + job.name.get() + " row",
                                 parts.read_only};
  TM_TRY(auto sink, connector->open_sink(*to, context, cancel));
  return Target{std::move(engine), std::move(sink), std::move(asking), to, connector, context};
}

// `2026-11-23 12:00:00+00` of the engine, with or without its zone, as other times are told.
std::string instant(std::string text) {
  if (text.ends_with("+00")) text.resize(text.size() - 3);
  std::replace(text.begin(), text.end(), ' ', 'T');
  return text + "Z";
}

std::optional<std::string> instant_or_nothing(std::optional<std::string> text) {
  if (!text) return std::nullopt;
  return instant(*std::move(text));
}

Error no_row(const JobSpec& job, const std::string& id) {
  return user_error("user.no_row", "`" + job.name.get() + "` has no refused row `" + id + "`",
                    "`tidemark quarantine " + job.name.get() + "` lists those that are open");
}

constexpr const char* row_columns =
    "job, stream, run_id, seq, rule, column_name, message, locator, payload, raw, refused_at, "
    "row_key, resolved_at, resolution";

RefusedRow row_at(const duck::Answer& answer, std::size_t at, const std::string& id) {
  const auto text = [&](std::size_t column) { return answer.text(at, column).value_or(""); };
  RefusedRow row;
  row.id = id;
  row.stream = {JobName(text(0)), StreamName(text(1))};
  row.run = text(2);
  row.seq = Seq(answer.integer(at, 3));
  row.rule = text(4);
  row.column = answer.text(at, 5);
  row.message = text(6);
  row.locator = text(7);
  row.payload = answer.text(at, 8);
  row.raw = answer.text(at, 9);
  row.refused_at = instant(text(10));
  row.row_key = answer.text(at, 11);
  row.resolved_at = instant_or_nothing(answer.text(at, 12));
  row.resolution = answer.text(at, 13);
  return row;
}

// The row itself and what stands beside it, out of one answer.
Result<std::optional<RefusedRow>> gathered(const duck::Answer& answer, const JobSpec& job,
                                           const std::string& id) {
  std::optional<RefusedRow> found;
  std::vector<RefusedRow::Edit> edits;
  std::vector<RefusedRow::Try> tries;
  for (std::size_t at = 0; at < answer.rows(); ++at) {
    RefusedRow row = row_at(answer, at, id);
    if (row.stream.job != job.name) continue;
    if (row.row_key != id) {
      found = std::move(row);
    } else if (const auto number = edit_number(row.locator)) {
      TM_TRY(std::vector<EditedValue> values, values_in(row.payload.value_or("{}")));
      edits.push_back({*number, editor_in(row.message), row.refused_at, std::move(values)});
    } else if (const auto run = try_run(row.locator)) {
      tries.push_back({*run, row.refused_at, row.rule, row.column, row.message});
    }
  }
  if (!found) return found;
  std::sort(edits.begin(), edits.end(),
            [](const auto& a, const auto& b) { return a.number < b.number; });
  std::sort(tries.begin(), tries.end(), [](const auto& a, const auto& b) { return a.at < b.at; });
  found->edits = std::move(edits);
  found->tries = std::move(tries);
  return found;
}

Result<std::optional<RefusedRow>> ask_target(Target& target, const JobSpec& job,
                                             const std::string& id, Cancel& cancel) {
  TM_TRY(const std::optional<Schema> there, target.sink->describe(quarantine_table, cancel));
  if (!there) return std::optional<RefusedRow>();
  TM_TRY(const duck::Answer answer,
         target.ask(std::string("SELECT ") + row_columns + " FROM " + quarantine_table +
                        " WHERE row_key = '" + id + "' OR " + row_id_sql("job") + " = '" + id + "'",
                    cancel));
  return gathered(answer, job, id);
}

Result<std::optional<RefusedRow>> look_at_stopped(
    duck::Connection& engine, const JobSpec& job, const std::string& id,
    const std::vector<std::filesystem::path>& stopped) {
  for (const std::filesystem::path& file : stopped) {
    TM_TRY(
        const duck::Answer answer,
        engine.query("SELECT " + duck::quote_list(quarantine_schema().names()) +
                     ", NULL AS resolved_at, NULL AS resolution FROM read_parquet(" +
                     duck::quote_file(file) + ") WHERE " + row_id_sql("job") + " = '" + id + "'"));
    TM_TRY(std::optional<RefusedRow> row, gathered(answer, job, id));
    if (!row) continue;
    row->untouched = user_error(
        "user.row_stopped",
        "run " + row->run + " was stopped by `stop_above`, and nothing of it is in the target",
        "load its good rows first, with `tidemark replay " + row->run + "`");
    return row;
  }
  return std::optional<RefusedRow>();
}

Result<std::optional<Stage>> stage_of(const RowParts& parts, const RefusedRow& row, Sink& sink,
                                      Cancel& cancel) {
  TM_TRY(const std::filesystem::path root, stage_root(parts.project));
  TM_TRY(const std::vector<StageFolder> folders, stage_folders(staged_stream(root, row.stream)));
  return loaded_stage(folders, row.stream, row.seq, sink, parts.files, cancel);
}

// Why a row takes no edit, since no replay would load it; nothing where it takes one.
std::optional<Error> why_untouched(const RefusedRow& row, const JobSpec& job,
                                   duck::Connection& engine) {
  const std::string full = "`tidemark run " + job.name.get() + " --full`";
  if (row.resolution)
    return user_error("user.row_closed", "the row is settled: " + *row.resolution,
                      "what a load brought is changed in the source, or in the target");
  if (row.rule == extract_rule)
    return user_error(
        "user.row_raw",
        "the row was refused while the source was read, and there are its bytes alone",
        "mend it in the source and deliver it again, or read all again with " + full);
  if (!row.locator.starts_with("segment "))
    return user_error("user.row_of_step", "the row was made by a step: " + row.locator,
                      "mend what it was made of in the source, and read all again with " + full);
  if (!row.staged)
    return user_error("user.row_no_stage", "the stage that the row stood in is gone",
                      "mend it in the source, and read all again with " + full);
  if (job.to.load == LoadStrategy::upsert && !row.row_key)
    return user_error("user.row_no_key",
                      "the row's key is not known, so a newer version of it may be loaded already",
                      "mend it in the source, where that makes a new version of it");
  if (Status single = check_single_rows(job, engine); !single.ok()) return single.error();
  return std::nullopt;
}

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

// As the engine compares names.
bool is_same_name(std::string_view left, std::string_view right) {
  return std::equal(left.begin(), left.end(), right.begin(), right.end(),
                    [](char a, char b) { return lower(a) == lower(b); });
}

// Whether `expression`, in the SQL of the source, has the column's name as a word. A word too many
// is an edit less; a column too few would move the row into another window.
bool names_column(std::string_view expression, std::string_view column) {
  if (column.empty()) return false;
  const auto in_word = [&](std::size_t at) {
    const auto c = static_cast<unsigned char>(expression[at]);
    return c == '_' || (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
           c >= 0x80;
  };
  for (std::size_t at = 0; at + column.size() <= expression.size(); ++at) {
    if (!is_same_name(expression.substr(at, column.size()), column)) continue;
    const std::size_t end = at + column.size();
    if ((at == 0 || !in_word(at - 1)) && (end == expression.size() || !in_word(end))) return true;
  }
  return false;
}

// Columns that tell whose row it is, and which window it belongs to.
Status check_columns(const RefusedRow& row, const JobSpec& job,
                     const std::vector<EditedValue>& values) {
  std::vector<std::string> key;
  for (const Name& column : job.to.key)
    key.push_back(column.value);
  if (key.empty() && job.to.load == LoadStrategy::upsert) key = row.staged->key;
  for (const EditedValue& value : values) {
    const bool in_key = std::any_of(key.begin(), key.end(), [&](const std::string& name) {
      return is_same_name(name, value.column);
    });
    const bool is_cursor =
        job.from.watermark && names_column(job.from.watermark->value, value.column);
    const bool is_deletion = job.deletes && job.deletes->column &&
                             is_same_name(job.deletes->column->value, value.column);
    if (!in_key && !is_cursor && !is_deletion) continue;
    const char* why = "is of the watermark: another value would put the row into another window";
    if (in_key)
      why =
          "is part of the key: another value would make it another row, of which a newer version "
          "may be loaded already";
    if (is_deletion) why = "says whether the row is deleted at the source";
    return user_error("user.key_column", "`" + value.column + "` " + why,
                      "change it in the source; the next run reads the row as it is then");
  }
  return {};
}

Error changed(const JobSpec& job, const std::string& id) {
  return user_error("user.row_changed", "somebody else has changed row `" + id + "` meanwhile",
                    "look at it again with `tidemark quarantine show " + job.name.get() + " " + id +
                        "`, or GET it");
}

Result<Fence> newest_fence_of(const RowParts& parts, const StreamId& stream,
                              const std::optional<LedgerRow>& head) {
  Fence newest = head ? head->fence : Fence(0);
  TM_TRY(const std::filesystem::path root, stage_root(parts.project));
  TM_TRY(const std::vector<StageFolder> folders, stage_folders(staged_stream(root, stream)));
  for (const StageFolder& folder : folders)
    newest = std::max(newest, folder.fence);
  return newest;
}

Result<std::unique_ptr<Lease>> take_lease(const RunnerParts& parts, const LeaseOptions& options,
                                          std::chrono::milliseconds wait, Cancel& stop) {
  constexpr std::chrono::milliseconds pause{100};
  const auto deadline = parts.clock.monotonic() + wait;
  while (true) {
    TM_CHECK(stop.check());
    auto lease = Lease::take(parts.store, parts.clock, options, stop);
    const bool leased = !lease.ok() && lease.error().code == "run.leased";
    if (!leased || parts.clock.monotonic() > deadline) return lease;
    parts.clock.sleep(pause);
  }
}

Status commit_edit(const EditRow& edit, const LoadKey& key, Target& target, const Lease& lease,
                   Cancel& cancel) {
  TM_TRY(const StagedEdit staged, stage_edit(edit, *target.engine));
  TM_TRY(std::unique_ptr<LoadTxn> txn, target.sink->begin(key, cancel));
  TM_CHECK(txn->quarantine(staged.rows, Supersedes::nothing, cancel));
  TM_CHECK(txn->close_refused(staged.closed, cancel));
  TM_CHECK(cancel.check());
  TM_CHECK(lease.held());
  LoadRow load;
  load.load_id = key.load_id;
  load.kind = key.kind;
  load.seq = key.seq;
  load.run_id = key.run_id;
  TM_TRY(const CommitOutcome outcome, txn->commit(load));
  if (outcome != CommitOutcome::unknown) return {};
  Cancel never;
  TM_TRY(const bool there, txn->resolve(load, never));
  if (there) return {};
  return target_error("target.commit_lost",
                      "the connection was lost at COMMIT and the target does not have the edit",
                      Retry::backoff, "make it again: nothing was changed");
}

}  // namespace

std::string RefusedRow::state() const {
  if (!resolution) return "open";
  return resolution->substr(0, resolution->find(' '));
}

std::string RefusedRow::version() const {
  std::string all = id + '\n' + resolution.value_or("") + '\n' + resolved_at.value_or("");
  for (const Edit& edit : edits)
    all += '\n' + std::to_string(edit.number) + '\n' + edit.at + '\n' + edit.by + '\n' +
           payload_of(edit.values);
  for (const Try& one : tries)
    all += '\n' + one.run;
  return std::to_string(edits.empty() ? 0 : edits.back().number) + "-" + xxh3_hex(all);
}

Result<RefusedRow> find_refused_row(const RowParts& parts, const JobSpec& job,
                                    const std::string& id,
                                    const std::vector<std::filesystem::path>& stopped,
                                    Cancel& cancel) {
  if (!is_row_id(id)) return no_row(job, id);
  TM_TRY(Target target, open_target(parts, job, cancel));
  TM_TRY(std::optional<RefusedRow> row, ask_target(target, job, id, cancel));
  if (!row) {
    TM_TRY(row, look_at_stopped(*target.engine, job, id, stopped));
    if (!row) return no_row(job, id);
    return *std::move(row);
  }
  TM_TRY(const std::optional<Stage> stage, stage_of(parts, *row, *target.sink, cancel));
  if (stage && row->rule != extract_rule) row->staged = stage->manifest().schema;
  row->untouched = why_untouched(*row, job, *target.engine);
  return *std::move(row);
}

Result<std::vector<RowEdit>> newest_row_edits(const RowParts& parts, const JobSpec& job,
                                              Cancel& cancel) {
  TM_TRY(Target target, open_target(parts, job, cancel));
  TM_TRY(const std::optional<Schema> there, target.sink->describe(quarantine_table, cancel));
  if (!there) return std::vector<RowEdit>();
  TM_TRY(const duck::Answer answer, target.ask(select_edits(job.name), cancel));
  return newest_edits(answer);
}

Result<RefusedRow> edit_refused_row(const RunnerParts& parts, const JobSpec& job,
                                    const std::vector<std::filesystem::path>& stopped,
                                    const RowEditRequest& request, Cancel& cancel) {
  const RowParts looking{parts.project, parts.connectors, parts.engine, parts.files, false};
  const auto look = [&] { return find_refused_row(looking, job, request.row, stopped, cancel); };
  TM_TRY(RefusedRow row, look());
  if (row.untouched) return *row.untouched;
  TM_TRY(Target target, open_target(looking, job, cancel));
  TM_CHECK(check_columns(row, job, request.values));
  TM_CHECK(check_edit(*row.staged, request.values, *target.engine));

  TM_TRY(const auto before, target.sink->committed(row.stream, cancel));
  TM_TRY(const Fence newest, newest_fence_of(looking, row.stream, before));
  const RunId id = new_run_id(parts.clock, parts.randomness);
  TM_CHECK(parts.store.upsert_job(job_record(job, parts.project, parts.clock)));
  Cancel stop(cancel);
  TM_TRY(const std::unique_ptr<Lease> lease,
         take_lease(parts, {job.name, id, newest, parts.project.lease}, request.wait, stop));
  TM_TRY(const std::vector<LedgerRow> heads,
         target.sink->take_over(job.name, lease->token(), stop));
  const auto head = std::find_if(heads.begin(), heads.end(), [&](const LedgerRow& one) {
    return one.stream.stream == row.stream.stream;
  });
  if (head == heads.end())
    return internal_error("target.no_ledger_row",
                          "the ledger does not know the stream of row " + request.row);
  // A run may have settled it before the lease was ours.
  TM_TRY(row, look());
  if (row.untouched) return *row.untouched;
  if (request.of && *request.of != row.version()) return changed(job, request.row);

  EditRow edit{row.stream,
               row.run,
               row.seq,
               row.locator,
               {row.id, 1, request.values},
               request.by,
               to_text(parts.clock.now_utc())};
  if (!row.edits.empty()) {
    edit.edit.number = row.edits.back().number + 1;
    edit.edit.values = laid_over(row.edits.back().values, request.values);
  }
  if (edit.edit.number > row_edits_max)
    return user_error("user.row_edits",
                      "the row was edited " + std::to_string(row_edits_max) + " times",
                      "mend it in the source");
  const LoadKind kind = LoadKind::requarantine;
  const LoadKey key{row.stream, head->seq, lease->token(),
                    id,         kind,      load_id_of(row.stream, kind, head->seq, id.get())};
  TM_CHECK(commit_edit(edit, key, target, *lease, stop));
  return look();
}

}  // namespace tidemark
