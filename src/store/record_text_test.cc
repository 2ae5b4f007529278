#include "store/record_text.h"

#include <gtest/gtest.h>

namespace tidemark {
namespace {

RunRecord full_run() {
  RunRecord run;
  run.run = RunId("1m82w2sfp7gqdmgv");
  run.job = JobName("orders");
  run.kind = RunKind::backfill;
  run.spec_hash = "h";
  run.started_at = UtcMicros(1);
  run.ended_at = UtcMicros(-2);
  run.rows_read = RowCount(3);
  run.rows_loaded = RowCount(4);
  run.rows_rejected = RowCount(5);
  run.rows_deleted = RowCount(6);
  run.bytes_staged = 7;
  run.state = RunState::blocked;
  run.error = StoredError{"a.b", "source", std::string("a\0b\xff", 4), "hint", Retry::reconnect};
  run.watermark_snapshot = "";
  run.guarantee = Guarantee::best_effort;
  run.attempt = 8;
  run.pid = 9;
  run.plan_json = "{}";
  run.use = RunUse{22, 23, 24};
  run.data_until = UtcMicros(25);
  StreamRecord stream;
  stream.stream = StreamName("main");
  stream.seq = Seq(10);
  stream.mark = StreamMark{RunState::loading, 11, Fence(12)};
  stream.window = Window{Position{"lo"}, std::nullopt, Position{""}};
  stream.counts = StreamCounts{RowCount(13), RowCount(14), RowCount(15), RowCount(16),
                               RowCount(17), 18,           RowCount(19)};
  stream.stage_dir = "dir";
  stream.attempt = 20;
  stream.started_at = UtcMicros(21);
  run.streams = {stream, StreamRecord()};
  return run;
}

StoreOverview full_overview() {
  StoreOverview found;
  found.at = UtcMicros(1);
  found.servers = {{"host/boot/1/2", "worker", {"eu", "us"}, 4, true, UtcMicros(2), UtcMicros(3)}};
  found.running = {
      {full_run(),
       LeaseRecord{JobName("orders"), Fence(5), RunId("r"), "holder", UtcMicros(6), true},
       UtcMicros(7)},
      {RunRecord(), std::nullopt, std::nullopt}};
  found.fires_waiting = 8;
  found.fires_running = 9;
  found.fires_to_retry = 10;
  found.waits_since = UtcMicros(11);
  FireRecord fire{{JobName("orders"), FireTask::verify},
                  UtcMicros(12),
                  FireState::retry_wait,
                  13,
                  RunId("r"),
                  FireHalf::load,
                  UtcMicros(14),
                  "reason",
                  "owner",
                  "inputs",
                  -15,
                  "pool",
                  "label"};
  found.waiting = {fire};
  found.to_retry = {fire, FireRecord()};
  found.watched = {{JobName("orders"), "file", "sign", UtcMicros(16)}};
  found.failed = {{{JobName("b"), FireTask::verify},
                   RunId("r9"),
                   RunState::blocked,
                   UtcMicros(77),
                   "why",
                   "what to do"}};
  found.failed_total = 12;
  return found;
}

// Of a text that was read back and written again nothing may differ, nor of the values in between.
TEST(RecordText, WhatWentInComesOut) {
  const std::string overview = text_of(full_overview());
  const auto back = overview_of(overview);
  ASSERT_TRUE(back.ok());
  EXPECT_EQ(text_of(*back), overview);
  EXPECT_EQ(back->to_retry, full_overview().to_retry);
  EXPECT_EQ(back->servers[0].labels, (std::set<std::string>{"eu", "us"}));
  const RunRecord& run = back->running[0].run;
  EXPECT_EQ(run.error->message, std::string("a\0b\xff", 4));
  EXPECT_EQ(run.error->retry, Retry::reconnect);
  EXPECT_EQ(run.guarantee, Guarantee::best_effort);
  EXPECT_EQ(run.streams[0].mark, full_run().streams[0].mark);
  EXPECT_EQ(run.streams[0].window, full_run().streams[0].window);
  EXPECT_EQ(run.streams[0].counts, full_run().streams[0].counts);
  EXPECT_EQ(run.rows_deleted, RowCount(6));
  EXPECT_EQ(run.data_until, UtcMicros(25));
  ASSERT_TRUE(run.use.has_value());
  EXPECT_EQ(run.use->bytes_written, 24);
  EXPECT_EQ(back->running[0].lease->expires_at, UtcMicros(6));
  EXPECT_FALSE(back->running[1].lease);
  EXPECT_EQ(back->watched[0].seen_at, UtcMicros(16));

  EXPECT_EQ(runs_of(text_of(std::vector<RunRecord>())).value().size(), 0U);
}

TEST(RecordText, AnotherTextIsRefused) {
  const std::string whole = text_of(std::vector{full_run()});
  for (std::size_t size = 0; size < whole.size(); ++size)
    EXPECT_FALSE(runs_of(whole.substr(0, size)).ok()) << size;
  EXPECT_FALSE(runs_of(whole + " ").ok());
  // Counts and enumerators that cannot be.
  EXPECT_FALSE(runs_of(std::string(8, '\xff')).ok());
  EXPECT_FALSE(runs_of(std::string(7, '\x7f') + "\x7f").ok());
  std::string odd = whole;
  odd[8] = 100;  // the kind of the run
  EXPECT_FALSE(runs_of(odd).ok());
}

}  // namespace
}  // namespace tidemark
