-- A store as schema version 1 wrote it: one good run and one failed. Never edit it.
PRAGMA foreign_keys = OFF;
BEGIN TRANSACTION;
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
INSERT INTO "etl_jobs" VALUES('00125d9250be8b4c','orders','','host=db dbname=shop','','','mart.orders','upsert','updated_at','c',1,'h1','2026-11-21T14:00:00.123456Z');
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
INSERT INTO "etl_run_streams" VALUES('05zqjp2d0abcdefg','orders',3,'done',7,7,NULL,'b','c',10,9,8,2,8,1234,'stage/orders/orders/3-7',NULL,NULL,NULL,NULL,1,'2026-11-21T14:00:01.123456Z','2026-11-21T14:00:06.123456Z');
INSERT INTO "etl_run_streams" VALUES('05zqjp2d1abcdefg','orders',3,'failed',2,7,NULL,'b','c',10,9,8,2,8,1234,'stage/orders/orders/3-7','it is read-only','target.refused','target','grant the right',1,'2026-11-21T14:00:07.123456Z','2026-11-21T14:00:07.123456Z');
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
INSERT INTO "etl_runs" VALUES('05zqjp2d0abcdefg','00125d9250be8b4c','2026-11-21T14:00:01.123456Z','2026-11-21T14:00:06.123456Z',10,8,2,1234,'success','done',NULL,NULL,NULL,NULL,'c','exact',1,'run',42,'{"plan":1}');
INSERT INTO "etl_runs" VALUES('05zqjp2d1abcdefg','00125d9250be8b4c','2026-11-21T14:00:07.123456Z','2026-11-21T14:00:07.123456Z',10,8,2,1234,'failed','failed','it is read-only','target.refused','target','grant the right',NULL,'exact',1,'run',42,'{"plan":1}');
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
INSERT INTO "run_events" VALUES('05zqjp2d0abcdefg',1,'2026-11-21T14:00:01.123456Z','',NULL,'planned','plan','run begun','');
INSERT INTO "run_events" VALUES('05zqjp2d0abcdefg',2,'2026-11-21T14:00:01.123456Z','orders',NULL,'planned','plan','window stored','');
INSERT INTO "run_events" VALUES('05zqjp2d0abcdefg',3,'2026-11-21T14:00:02.123456Z','orders','planned','extracting','extract','','');
INSERT INTO "run_events" VALUES('05zqjp2d0abcdefg',4,'2026-11-21T14:00:03.123456Z','orders','extracting','staged','stage','','');
INSERT INTO "run_events" VALUES('05zqjp2d0abcdefg',5,'2026-11-21T14:00:04.123456Z','orders','staged','checked','validate','','');
INSERT INTO "run_events" VALUES('05zqjp2d0abcdefg',6,'2026-11-21T14:00:05.123456Z','orders','checked','loading','load','','');
INSERT INTO "run_events" VALUES('05zqjp2d0abcdefg',7,'2026-11-21T14:00:06.123456Z','orders','loading','committed','commit','','');
INSERT INTO "run_events" VALUES('05zqjp2d0abcdefg',8,'2026-11-21T14:00:06.123456Z','orders','committed','done','observe','','');
INSERT INTO "run_events" VALUES('05zqjp2d0abcdefg',9,'2026-11-21T14:00:06.123456Z','',NULL,'done','observe','8 rows','');
INSERT INTO "run_events" VALUES('05zqjp2d1abcdefg',1,'2026-11-21T14:00:07.123456Z','',NULL,'planned','plan','run begun','');
INSERT INTO "run_events" VALUES('05zqjp2d1abcdefg',2,'2026-11-21T14:00:07.123456Z','orders',NULL,'planned','plan','window stored','');
INSERT INTO "run_events" VALUES('05zqjp2d1abcdefg',3,'2026-11-21T14:00:07.123456Z','orders','planned','failed','plan','it is read-only','');
INSERT INTO "run_events" VALUES('05zqjp2d1abcdefg',4,'2026-11-21T14:00:07.123456Z','',NULL,'failed','observe','it is read-only','');
CREATE TABLE tidemark_schema (version INTEGER PRIMARY KEY, applied_at TEXT NOT NULL) STRICT;
INSERT INTO "tidemark_schema" VALUES(1,'2026-11-21T14:00:00.123456Z');
CREATE INDEX etl_runs_by_start ON etl_runs (run_start, run_id);
CREATE INDEX etl_runs_by_job ON etl_runs (job_id, run_start, run_id);
CREATE INDEX etl_runs_unfinished ON etl_runs (run_start) WHERE run_end IS NULL;
COMMIT;
