#include "store/migrations.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <string>
#include <vector>

namespace tidemark {
namespace {

// Times are ISO-8601 texts in UTC of one width, so they sort and read well in any shell.
constexpr std::string_view version_1 = R"sql(
CREATE TABLE etl_jobs (
  job_id TEXT PRIMARY KEY,
  name TEXT NOT NULL UNIQUE,
  schedule_cron TEXT NOT NULL,
  source_dsn TEXT NOT NULL,
  source_query TEXT NOT NULL,
  transform_ref TEXT NOT NULL,
  target_table TEXT NOT NULL,
  load_strategy TEXT NOT NULL CHECK (load_strategy IN ('full', 'incremental', 'upsert')),
  watermark_col TEXT NOT NULL,
  last_watermark TEXT,
  enabled INTEGER NOT NULL CHECK (enabled IN (0, 1)),
  spec_hash TEXT NOT NULL,
  updated_at TEXT NOT NULL
) STRICT;

CREATE TABLE etl_runs (
  run_id TEXT PRIMARY KEY,
  job_id TEXT NOT NULL REFERENCES etl_jobs (job_id),
  run_start TEXT NOT NULL,
  run_end TEXT,
  rows_read INTEGER NOT NULL DEFAULT 0,
  rows_loaded INTEGER NOT NULL DEFAULT 0,
  rows_rejected INTEGER NOT NULL DEFAULT 0,
  bytes_staged INTEGER NOT NULL DEFAULT 0,
  status TEXT NOT NULL CHECK (status IN ('running', 'success', 'failed', 'skipped')),
  state TEXT NOT NULL,
  error_msg TEXT,
  error_code TEXT,
  error_fault TEXT,
  error_hint TEXT,
  watermark_snapshot TEXT,
  guarantee TEXT,
  attempt INTEGER NOT NULL DEFAULT 1,
  kind TEXT NOT NULL CHECK (kind IN ('run', 'replay', 'full', 'window')),
  pid INTEGER NOT NULL,
  plan_json TEXT NOT NULL
) STRICT;
CREATE INDEX etl_runs_by_start ON etl_runs (run_start, run_id);
CREATE INDEX etl_runs_by_job ON etl_runs (job_id, run_start, run_id);
CREATE INDEX etl_runs_unfinished ON etl_runs (run_start) WHERE run_end IS NULL;

CREATE TABLE etl_run_streams (
  run_id TEXT NOT NULL REFERENCES etl_runs (run_id) ON DELETE CASCADE,
  stream TEXT NOT NULL,
  seq INTEGER NOT NULL,
  state TEXT NOT NULL,
  version INTEGER NOT NULL,
  fence INTEGER NOT NULL,
  lo TEXT,
  hi TEXT,
  top TEXT,
  rows_read INTEGER NOT NULL DEFAULT 0,
  rows_staged INTEGER NOT NULL DEFAULT 0,
  rows_good INTEGER NOT NULL DEFAULT 0,
  rows_rejected INTEGER NOT NULL DEFAULT 0,
  rows_loaded INTEGER NOT NULL DEFAULT 0,
  bytes_staged INTEGER NOT NULL DEFAULT 0,
  stage_dir TEXT,
  error_msg TEXT,
  error_code TEXT,
  error_fault TEXT,
  error_hint TEXT,
  attempt INTEGER NOT NULL DEFAULT 1,
  started_at TEXT NOT NULL,
  ended_at TEXT,
  PRIMARY KEY (run_id, stream)
) STRICT, WITHOUT ROWID;

CREATE TABLE run_events (
  run_id TEXT NOT NULL REFERENCES etl_runs (run_id) ON DELETE CASCADE,
  number INTEGER NOT NULL,
  at TEXT NOT NULL,
  stream TEXT NOT NULL,
  state_from TEXT,
  state_to TEXT,
  step TEXT NOT NULL,
  message TEXT NOT NULL,
  detail TEXT NOT NULL,
  PRIMARY KEY (run_id, number)
) STRICT, WITHOUT ROWID;
)sql";

// `expires_at` NULL: given back. `token` only grows.
constexpr std::string_view version_2 = R"sql(
CREATE TABLE etl_leases (
  job_id TEXT PRIMARY KEY REFERENCES etl_jobs (job_id),
  token INTEGER NOT NULL,
  run_id TEXT NOT NULL,
  holder TEXT NOT NULL,
  expires_at TEXT
) STRICT, WITHOUT ROWID;
)sql";

// What each run's job said, each text once. Runs of before have none.
constexpr std::string_view version_3 = R"sql(
CREATE TABLE etl_job_texts (
  spec_hash TEXT PRIMARY KEY,
  texts TEXT NOT NULL
) STRICT, WITHOUT ROWID;
ALTER TABLE etl_runs ADD COLUMN spec_hash TEXT NOT NULL DEFAULT '';
)sql";

// WindowBound::memory of each stream's last run that found its window.
constexpr std::string_view version_4 = R"sql(
CREATE TABLE etl_source_memory (
  job_id TEXT NOT NULL REFERENCES etl_jobs (job_id),
  stream TEXT NOT NULL,
  memory TEXT NOT NULL,
  PRIMARY KEY (job_id, stream)
) STRICT, WITHOUT ROWID;
)sql";

// What `verify` proved to be equal, of each stream, and the runs that repaired what was not.
constexpr std::string_view version_5 = R"sql(
CREATE TABLE etl_proofs (
  job_id TEXT NOT NULL REFERENCES etl_jobs (job_id),
  stream TEXT NOT NULL,
  proved_at TEXT,
  proof TEXT NOT NULL,
  PRIMARY KEY (job_id, stream)
) STRICT, WITHOUT ROWID;
ALTER TABLE etl_runs ADD COLUMN kind_of_run TEXT NOT NULL DEFAULT 'run'
  CHECK (kind_of_run IN ('run', 'replay', 'full', 'window', 'repair'));
UPDATE etl_runs SET kind_of_run = kind;
ALTER TABLE etl_runs DROP COLUMN kind;
ALTER TABLE etl_runs RENAME COLUMN kind_of_run TO kind;
)sql";

// Rows that are gone from the source.
constexpr std::string_view version_6 = R"sql(
ALTER TABLE etl_runs ADD COLUMN rows_deleted INTEGER NOT NULL DEFAULT 0;
ALTER TABLE etl_run_streams ADD COLUMN rows_deleted INTEGER NOT NULL DEFAULT 0;
)sql";

// Times at which schedules say that jobs run, each taken once.
constexpr std::string_view version_7 = R"sql(
CREATE TABLE etl_fires (
  job_id TEXT NOT NULL REFERENCES etl_jobs (job_id),
  task TEXT NOT NULL CHECK (task IN ('run', 'verify')),
  fire_time TEXT NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('waiting', 'running', 'retry_wait', 'done', 'skipped', 'failed', 'blocked',
                                       'cancelled')),
  attempts INTEGER NOT NULL DEFAULT 0,
  run_id TEXT,
  next_at TEXT,
  reason TEXT NOT NULL DEFAULT '',
  owner TEXT NOT NULL,
  inputs TEXT NOT NULL DEFAULT '',
  PRIMARY KEY (job_id, task, fire_time)
) STRICT, WITHOUT ROWID;
ALTER TABLE etl_runs ADD COLUMN error_retry TEXT;
CREATE INDEX etl_fires_open ON etl_fires (fire_time) WHERE state IN ('waiting', 'running', 'retry_wait');
)sql";

// Windows of the past that are run again, and the runs that did it. A server of before cannot read
// the history of such runs.
constexpr std::string_view version_8 = R"sql(
CREATE TABLE etl_backfills (
  backfill_id TEXT PRIMARY KEY,
  job_id TEXT NOT NULL REFERENCES etl_jobs (job_id),
  from_value TEXT NOT NULL,
  to_value TEXT NOT NULL,
  step TEXT NOT NULL,
  part_order TEXT NOT NULL CHECK (part_order IN ('oldest', 'newest')),
  from_stage TEXT NOT NULL CHECK (from_stage IN ('auto', 'only', 'never')),
  rate_share_ppm INTEGER NOT NULL,
  allow_empty INTEGER NOT NULL CHECK (allow_empty IN (0, 1)),
  state TEXT NOT NULL CHECK (state IN ('running', 'paused', 'cancelled', 'done', 'failed')),
  note TEXT NOT NULL DEFAULT '',
  created_at TEXT NOT NULL,
  ended_at TEXT
) STRICT, WITHOUT ROWID;
CREATE TABLE etl_backfill_parts (
  backfill_id TEXT NOT NULL REFERENCES etl_backfills (backfill_id) ON DELETE CASCADE,
  number INTEGER NOT NULL,
  lo TEXT NOT NULL,
  hi TEXT NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('waiting', 'running', 'done', 'failed', 'skipped')),
  run_id TEXT NOT NULL DEFAULT '',
  rows_loaded INTEGER NOT NULL DEFAULT 0,
  duration_ms INTEGER NOT NULL DEFAULT 0,
  read_from TEXT NOT NULL DEFAULT '',
  error TEXT NOT NULL DEFAULT '',
  PRIMARY KEY (backfill_id, number)
) STRICT, WITHOUT ROWID;
ALTER TABLE etl_runs ADD COLUMN kind_of_run TEXT NOT NULL DEFAULT 'run'
  CHECK (kind_of_run IN ('run', 'replay', 'full', 'window', 'repair', 'backfill'));
UPDATE etl_runs SET kind_of_run = kind;
ALTER TABLE etl_runs DROP COLUMN kind;
ALTER TABLE etl_runs RENAME COLUMN kind_of_run TO kind;
)sql";

// Servers that share a store, and what they must know of a fire to claim it. One of before does not
// say that it lives, so its fires would be run by others too.
constexpr std::string_view version_9 = R"sql(
CREATE TABLE etl_servers (
  owner TEXT PRIMARY KEY,
  role TEXT NOT NULL CHECK (role IN ('all', 'scheduler', 'worker')),
  labels TEXT NOT NULL DEFAULT '',
  places INTEGER NOT NULL,
  leaves INTEGER NOT NULL DEFAULT 0 CHECK (leaves IN (0, 1)),
  started_at TEXT NOT NULL,
  seen_at TEXT NOT NULL
) STRICT, WITHOUT ROWID;
ALTER TABLE etl_fires ADD COLUMN priority INTEGER NOT NULL DEFAULT 0;
ALTER TABLE etl_fires ADD COLUMN pool TEXT NOT NULL DEFAULT '';
ALTER TABLE etl_fires ADD COLUMN label TEXT NOT NULL DEFAULT '';
ALTER TABLE etl_fires ADD COLUMN stop TEXT NOT NULL DEFAULT '';
ALTER TABLE etl_fires ADD COLUMN claimed_at TEXT;
ALTER TABLE etl_fires ADD COLUMN ended_at TEXT;
CREATE INDEX etl_fires_turns ON etl_fires (job_id, claimed_at) WHERE claimed_at IS NOT NULL;
CREATE INDEX etl_fires_ended ON etl_fires (ended_at) WHERE ended_at IS NOT NULL;
CREATE INDEX etl_fires_owned ON etl_fires (owner, job_id) WHERE state IN ('waiting', 'running', 'retry_wait');
)sql";

// What each process uses of a connection whose guard several share. A server of before would read
// beside what these were given.
constexpr std::string_view version_10 = R"sql(
CREATE TABLE etl_guard_shares (
  connection TEXT NOT NULL,
  holder TEXT NOT NULL,
  places INTEGER NOT NULL,
  wanted INTEGER NOT NULL,
  waits_since TEXT,
  weight INTEGER NOT NULL,
  part INTEGER NOT NULL,
  strain INTEGER NOT NULL,
  jobs TEXT NOT NULL,
  seen_at TEXT NOT NULL,
  expires_at TEXT NOT NULL,
  PRIMARY KEY (connection, holder)
) STRICT, WITHOUT ROWID;
)sql";

// What jobs watch, as they followed it last; and which runs loaded something, the newest first. A
// server of before does not understand files with such jobs, and leaves their fires alone.
constexpr std::string_view version_11 = R"sql(
CREATE TABLE etl_changes (
  job_id TEXT PRIMARY KEY REFERENCES etl_jobs (job_id) ON DELETE CASCADE,
  watched TEXT NOT NULL,
  sign TEXT NOT NULL,
  seen_at TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX etl_runs_that_loaded ON etl_runs (job_id, run_start)
  WHERE rows_loaded > 0 OR rows_deleted > 0;
)sql";

// Extract and load claimed apart, over one stage that all servers reach. A server of before would
// take a fire that is to be loaded for a whole run, and read the source anew.
constexpr std::string_view version_12 = R"sql(
ALTER TABLE etl_fires ADD COLUMN half TEXT NOT NULL DEFAULT 'extract';
CREATE INDEX etl_fires_staged ON etl_fires (job_id) WHERE half = 'load' AND state IN ('waiting', 'running', 'retry_wait');
CREATE TABLE etl_shared_stage (
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL
) STRICT;
)sql";

// Backfills that services run, and whom they make place for. A server of before runs backfills by
// its own commands only, and never sees that a job is wanted.
constexpr std::string_view version_13 = R"sql(
ALTER TABLE etl_backfills ADD COLUMN in_quiet_hours INTEGER NOT NULL DEFAULT 0;
ALTER TABLE etl_backfills ADD COLUMN downstream INTEGER NOT NULL DEFAULT 0;
ALTER TABLE etl_backfills ADD COLUMN detached INTEGER NOT NULL DEFAULT 0;
ALTER TABLE etl_backfills ADD COLUMN owner TEXT NOT NULL DEFAULT '';
CREATE INDEX etl_backfills_detached ON etl_backfills (created_at) WHERE detached = 1 AND state = 'running';
ALTER TABLE etl_leases ADD COLUMN wanted_until TEXT;
)sql";

// Who may do what over the network, the account of what was done, and secrets.
constexpr std::string_view version_14 = R"sql(
CREATE TABLE etl_tokens (
  token_id TEXT PRIMARY KEY,
  name TEXT NOT NULL,
  role TEXT NOT NULL CHECK (role IN ('viewer', 'operator', 'editor', 'admin')),
  jobs TEXT NOT NULL,
  hash TEXT NOT NULL,
  made_by TEXT NOT NULL,
  created_at TEXT NOT NULL,
  expires_at TEXT,
  used_at TEXT,
  revoked_at TEXT
) STRICT;
CREATE TABLE etl_audit (
  at TEXT NOT NULL,
  entry TEXT NOT NULL,
  request TEXT NOT NULL,
  token_id TEXT NOT NULL,
  name TEXT NOT NULL,
  peer TEXT NOT NULL,
  what TEXT NOT NULL,
  item TEXT NOT NULL,
  status INTEGER NOT NULL,
  PRIMARY KEY (at, entry)
) STRICT, WITHOUT ROWID;
CREATE TABLE etl_project (
  id INTEGER PRIMARY KEY,
  project_id TEXT NOT NULL
) STRICT;
CREATE TABLE etl_secrets (
  name TEXT PRIMARY KEY,
  version INTEGER NOT NULL,
  key_id TEXT NOT NULL,
  set_by TEXT NOT NULL,
  set_at TEXT NOT NULL,
  sealed_key TEXT NOT NULL,
  sealed TEXT NOT NULL
) STRICT;
CREATE INDEX etl_secrets_by_key ON etl_secrets (key_id);
)sql";

// So that neither what is open nor what was loaded last costs more the more runs found nothing new,
// and a claim not more the more fires wait.
constexpr std::string_view version_15 = R"sql(
DROP INDEX etl_runs_unfinished;
CREATE INDEX etl_runs_unfinished ON etl_runs (job_id, run_start, run_id) WHERE run_end IS NULL;
CREATE INDEX etl_runs_not_idle ON etl_runs (job_id, run_start, run_id) WHERE status <> 'skipped';
CREATE INDEX etl_fires_free ON etl_fires (job_id, task, fire_time)
  WHERE owner = '' AND state IN ('waiting', 'running', 'retry_wait');
)sql";

// What a person is told of. A Tidemark of before neither opens alerts nor sends of them.
constexpr std::string_view version_16 = R"sql(
CREATE TABLE etl_alerts (
  alert_id TEXT PRIMARY KEY,
  rule TEXT NOT NULL,
  subject TEXT NOT NULL,
  server TEXT NOT NULL,
  severity TEXT NOT NULL,
  job TEXT NOT NULL,
  run TEXT NOT NULL,
  text TEXT NOT NULL,
  hint TEXT NOT NULL,
  runbook TEXT NOT NULL,
  since TEXT NOT NULL,
  opened_at TEXT NOT NULL,
  told_at TEXT NOT NULL,
  away_since TEXT,
  resolved_at TEXT
) STRICT;
CREATE UNIQUE INDEX etl_alerts_open ON etl_alerts (rule, subject, server)
  WHERE resolved_at IS NULL;
CREATE INDEX etl_alerts_by_time ON etl_alerts (opened_at);
CREATE TABLE etl_alert_outbox (
  message_id TEXT PRIMARY KEY,
  alert_id TEXT NOT NULL,
  channel TEXT NOT NULL,
  what TEXT NOT NULL,
  made_at TEXT NOT NULL,
  due_at TEXT NOT NULL,
  attempts INTEGER NOT NULL,
  last_error TEXT NOT NULL,
  failing_since TEXT,
  claimed_by TEXT NOT NULL,
  claimed_until TEXT,
  state TEXT NOT NULL,
  ended_at TEXT
) STRICT;
CREATE INDEX etl_alert_outbox_waiting ON etl_alert_outbox (channel, due_at)
  WHERE state = 'waiting';
CREATE INDEX etl_alert_outbox_by_alert ON etl_alert_outbox (alert_id);
CREATE TABLE etl_silences (
  silence_id TEXT PRIMARY KEY,
  rule TEXT NOT NULL,
  subject TEXT NOT NULL,
  job TEXT NOT NULL,
  until TEXT NOT NULL,
  reason TEXT NOT NULL,
  made_by TEXT NOT NULL,
  made_at TEXT NOT NULL
) STRICT;
)sql";

// What the rules of alerts ask of runs, and whose turn it is to ask. A server of before leaves it
// empty, and nothing is told of its runs' plans.
constexpr std::string_view version_17 = R"sql(
ALTER TABLE etl_runs ADD COLUMN watermark_held INTEGER NOT NULL DEFAULT 0;
ALTER TABLE etl_runs ADD COLUMN data_until TEXT;
ALTER TABLE etl_runs ADD COLUMN drift TEXT;
CREATE INDEX etl_runs_ended ON etl_runs (run_end, run_id) WHERE run_end IS NOT NULL;
CREATE INDEX etl_runs_drifted ON etl_runs (job_id, run_start) WHERE drift IS NOT NULL;
CREATE TABLE etl_turns (
  what TEXT PRIMARY KEY,
  holder TEXT NOT NULL,
  until_at TEXT NOT NULL
) STRICT, WITHOUT ROWID;
)sql";

// Jobs whose text stands here and not in a file, with their versions; without a text: taken out. A
// server of before does not know them, and leaves their fires alone. And what requests with a key
// were answered, so that a service that was started again does not do them again.
constexpr std::string_view version_18 = R"sql(
CREATE TABLE etl_stored_jobs (
  name TEXT NOT NULL,
  version INTEGER NOT NULL,
  edit INTEGER NOT NULL,
  text TEXT,
  set_by TEXT NOT NULL,
  set_at TEXT NOT NULL,
  PRIMARY KEY (name, version)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX etl_stored_jobs_edits ON etl_stored_jobs (edit);
CREATE TABLE etl_api_answers (
  token_id TEXT NOT NULL,
  answer_key TEXT NOT NULL,
  digest TEXT NOT NULL,
  made_id TEXT NOT NULL,
  owner TEXT NOT NULL,
  begun_at TEXT NOT NULL,
  status INTEGER,
  location TEXT,
  body TEXT,
  PRIMARY KEY (token_id, answer_key)
) STRICT, WITHOUT ROWID;
CREATE INDEX etl_api_answers_begun ON etl_api_answers (begun_at);
)sql";

// What a run used; nothing is known of runs of before.
constexpr std::string_view version_19 = R"sql(
ALTER TABLE etl_runs ADD COLUMN cpu_us INTEGER;
ALTER TABLE etl_runs ADD COLUMN bytes_read INTEGER;
ALTER TABLE etl_runs ADD COLUMN bytes_written INTEGER;
)sql";

// Up to 7 every store was a file of one server, beside which nobody goes on.
constexpr std::array steps_of_store{
    Migration{1, version_1},       Migration{2, version_2},       Migration{3, version_3},
    Migration{4, version_4},       Migration{5, version_5},       Migration{6, version_6},
    Migration{7, version_7},       Migration{8, version_8},       Migration{9, version_9},
    Migration{10, version_10},     Migration{11, version_11, 10}, Migration{12, version_12},
    Migration{13, version_13, 12}, Migration{14, version_14, 12}, Migration{15, version_15, 12},
    Migration{16, version_16, 12}, Migration{17, version_17, 12}, Migration{18, version_18, 12},
    Migration{19, version_19, 12}};

#ifdef TIDEMARK_FAILPOINTS
// With one step more, as a later Tidemark would have it: TIDEMARK_STORE_STEP, see env/failpoints.h.
std::vector<Migration> steps_of_test() {
  std::vector<Migration> steps(steps_of_store.begin(), steps_of_store.end());
  const char* const step = std::getenv("TIDEMARK_STORE_STEP");
  if (step == nullptr) return steps;
  char* sql = nullptr;
  const long compatible_from = std::strtol(step, &sql, 10);
  steps.push_back({steps.back().version + 1, sql, static_cast<int>(compatible_from)});
  return steps;
}
#endif

struct Found {
  int version = 0;
  int compatible_from = 0;  // the oldest version whose Tidemark may use it
};

bool say_how_old(const std::vector<std::string>& columns) {
  return std::find(columns.begin(), columns.end(), "compatible_from") != columns.end();
}

Result<Found> find_version(SqlSession& session) {
  TM_TRY(const std::vector<std::string> columns, session.columns_of("tidemark_schema"));
  if (columns.empty()) return Found{};
  const bool says = say_how_old(columns);
  TM_TRY(auto rows, session.prepare(
                        says ? "SELECT coalesce(max(version), 0), coalesce(max(compatible_from), 0)"
                               " FROM tidemark_schema"
                             : "SELECT coalesce(max(version), 0), coalesce(max(version), 0)"
                               " FROM tidemark_schema"));
  TM_TRY(const bool has_row, rows.step());
  if (!has_row) return Found{};
  return Found{static_cast<int>(rows.int64_at(0)), static_cast<int>(rows.int64_at(1))};
}

Error newer(const std::string& name, const Found& found, int known) {
  return user_error("store.newer",
                    "the store " + name + " has schema version " + std::to_string(found.version) +
                        ", which a Tidemark of version " + std::to_string(found.compatible_from) +
                        " or later understands; this one knows versions up to " +
                        std::to_string(known),
                    "a later Tidemark wrote it: use that one, or name another store under "
                    "`store:` in tidemark.yaml");
}

// The steps are noted in a table of their own; files of before lack its last column.
Status prepare_notes(SqlSession& session) {
  TM_TRY(const std::vector<std::string> columns, session.columns_of("tidemark_schema"));
  if (columns.empty()) {
    return session.execute(
        "CREATE TABLE tidemark_schema (version INTEGER PRIMARY KEY, applied_at TEXT NOT NULL, "
        "compatible_from INTEGER NOT NULL) STRICT");
  }
  if (say_how_old(columns)) return {};
  return session.execute(
      "ALTER TABLE tidemark_schema ADD COLUMN compatible_from INTEGER NOT NULL DEFAULT 0");
}

Status apply(SqlSession& session, const Migration& step) {
  // Asked again where nobody else writes: another process may have taken this step meanwhile.
  TM_TRY(const Found found, find_version(session));
  if (found.version >= step.version) return {};
  TM_CHECK(prepare_notes(session));
  TM_CHECK(session.execute(step.sql));
  const int compatible_from = step.compatible_from == 0 ? step.version : step.compatible_from;
  if (compatible_from > found.version) TM_CHECK(session.turn_others_away());
  TM_TRY(const UtcMicros now, session.now());
  TM_TRY(auto note,
         session.prepare("INSERT INTO tidemark_schema (version, applied_at, compatible_from)"
                         " VALUES (?, ?, ?)"));
  return note.bind_int64(0, step.version)
      .bind_text(1, to_text(now))
      .bind_int64(2, compatible_from)
      .run();
}

// In one transaction.
Status apply_all(SqlDatabase& database, std::span<const Migration> steps) {
  Status applied = database.migrate([&](SqlSession& session) -> Status {
    for (const Migration& step : steps)
      TM_CHECK(apply(session, step));
    return {};
  });
  if (applied.ok()) return {};
  return std::move(applied).error().with_context("bringing the store to version " +
                                                 std::to_string(steps.back().version));
}

}  // namespace

std::span<const Migration> store_migrations() {
#ifdef TIDEMARK_FAILPOINTS
  static const std::vector<Migration> steps = steps_of_test();
  return steps;
#else
  return steps_of_store;
#endif
}

Status check_version(SqlSession& session, const std::string& name,
                     std::span<const Migration> steps) {
  TM_TRY(const Found found, find_version(session));
  const int known = steps.empty() ? 0 : steps.back().version;
  if (found.version > known && found.compatible_from > known) return newer(name, found, known);
  return {};
}

Status migrate(SqlDatabase& database, std::span<const Migration> steps) {
  Found found;
  TM_CHECK(database.read([&](SqlSession& session) -> Status {
    TM_CHECK(check_version(session, database.name(), steps));
    TM_TRY(found, find_version(session));
    return {};
  }));
  // A new store has no version before to stay at, and one transaction for all costs one sync.
  if (found.version == 0) return apply_all(database, steps);
  for (std::size_t at = 0; at < steps.size(); ++at) {
    if (steps[at].version > found.version) TM_CHECK(apply_all(database, steps.subspan(at, 1)));
  }
  return {};
}

}  // namespace tidemark
