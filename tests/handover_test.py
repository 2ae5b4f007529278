#!/usr/bin/env python3
"""Servers with one stage: one extracts, another loads, and either may die or fail without the other.

The program is $TIDEMARK_BINARY, default build/dev/tidemark.
"""

import signal
import time
import unittest

import servers_test
from support.temporary_postgres import TemporaryPostgres

YAML = """\
store: postgres://postgres@127.0.0.1:{port}/{database}
stage: {{path: {stage}, shared: true}}
lease: 5s
workers: 4
pools: {{reads: 1, loads: 1}}
connections:
  shop:      {{postgres: "postgres://postgres@127.0.0.1:{port}/{database}"}}
  warehouse: {{postgres: "postgres://postgres@127.0.0.1:{port}/{database}"}}
  far:       {{postgres: "postgres://postgres@127.0.0.1:{far}/{database}"}}
"""
APART = "label: {extract: near-shop, load: near-warehouse}\n"
OFTEN = "retries: {attempts: 100, pause: 1s, pause_max: 1s}\n"
SELDOM = "retries: {attempts: 2, pause: 1s, pause_max: 1s}\n"


class HandOver(servers_test.Servers):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.far = cls.enterClassContext(TemporaryPostgres())

    def setUp(self):
        super().setUp()
        self.far.sql(f"create database {self.database}")
        self.stage = self.folder / "stage"

    def server_of(self, name, *options, stage=None, failpoint=None):
        made = servers_test.Server(self, name, options=options)
        made.project.write("tidemark.yaml", YAML.format(port=self.server.port, far=self.far.port,
                                                        database=self.database, stage=stage or self.stage))
        for job in self.jobs:
            if job.startswith("far"):
                made.project.job(job, servers_test.JOB.format(name=job, schedule=self.jobs[job])
                                 .replace("connection: warehouse", "connection: far"))
        if failpoint:
            made.env["TIDEMARK_FAILPOINT"] = failpoint
        return made

    def extractor(self, name="extractor", **options):
        return self.server_of(name, "--label", "near-shop", **options).start()

    def loader(self, name="loader", **options):
        return self.server_of(name, "--role", "worker", "--label", "near-warehouse", **options).start()

    def fill(self, job, rows):
        self.ask(f"insert into source_{job} select from generate_series(1, {rows})")

    def fires(self, job, what="state"):
        """As there; nothing before the first server has made all of the store."""
        if self.ask_store("select count(*) from information_schema.columns where column_name = 'half'") == "0":
            return []
        return super().fires(job, what)

    def staged(self, job):
        return [at for at, half in self.fires(job, "half || ' ' || state") if half in ("load waiting",
                                                                                       "load retry_wait")]

    def said(self, job, words):
        """What the runs of the job say of a step, oldest first."""
        return self.ask_store("select message from tidemark.run_events join tidemark.etl_runs using (run_id) join "
                              f"tidemark.etl_jobs using (job_id) where name = '{job}' and message like '%{words}%' "
                              "order by run_id, number").splitlines()

    def assert_all_there_once(self, job):
        if not job.startswith("far"):
            return super().assert_all_there_once(job)
        wanted = self.ask(f"select string_agg(id::text, ' ' order by id) from source_{job}")
        self.assertEqual(wanted, self.far.sql(f"select string_agg(id::text, ' ' order by id) from target_{job}",
                                              self.database))

    def assert_dies(self, server):
        self.assertEqual(-signal.SIGKILL, server.process.wait(timeout=60))
        server.kill()


class Halves(HandOver):
    def test_each_half_is_done_where_its_label_is(self):
        self.job("a", "every: 1s\noverlap: queue\n" + APART)
        self.fill("a", 1000)
        extractor, loader = self.extractor(), self.loader()
        pids = extractor.process.pid, loader.process.pid
        with self.written():
            self.wait_for(lambda: len(self.done("a")) >= 4)
        last = time.time()
        self.wait_for(lambda: [at for at in self.done("a") if at > last])
        for server in (extractor, loader):
            code, err = server.kill(signal.SIGTERM)
            self.assertEqual(0, code, err)
        self.assert_all_there_once("a")
        self.assertEqual([], [fire for fire in extractor.did() if fire in loader.did()])
        self.assertGreaterEqual(len(loader.did()), 3)
        for words, pid in (("reading the window", pids[0]), ("loading into", pids[1])):
            said = self.said("a", words)
            self.assertGreaterEqual(len(said), 3)
            self.assertEqual([], [one for one in said if f"by process {pid} on " not in one])

    def test_without_labels_who_extracts_loads_where_the_pool_has_a_place(self):
        self.job("a", "every: 1s\npool: {extract: reads, load: loads}\n")
        server = self.server_of("one").start()
        self.fill("a", 10)
        self.wait_for(lambda: len(self.done("a")) >= 3)
        self.assert_all_there_once("a")
        self.assertEqual([], [line for line in server.lines if line["message"].startswith("it is staged")])

    def test_the_next_fire_waits_for_the_load_of_the_one_before(self):
        self.job("a", "every: 1s\noverlap: queue\n" + APART)
        self.fill("a", 10)
        extractor = self.extractor()
        self.wait_for(lambda: self.staged("a"))
        time.sleep(4)
        self.assertEqual(1, len(self.said("a", "reading the window")))
        status = extractor.project.call("status", "--json").json
        self.assertEqual(["load"], [fire["half"] for fire in status["waiting"] if fire["half"] != "extract"])
        self.loader()
        self.fill("a", 10)
        last = time.time()
        self.wait_for(lambda: [at for at in self.done("a") if at > last])
        self.assert_all_there_once("a")

    def test_a_run_by_hand_loads_what_is_staged_before_it_reads(self):
        self.job("a", "every: 1s\n" + APART)
        self.fill("a", 10)
        extractor = self.extractor()
        self.wait_for(lambda: self.staged("a"))
        extractor.kill(signal.SIGTERM)
        self.fill("a", 10)
        done = self.server_of("by-hand").project.call("run", "a", "--wait", "30s")
        self.assertEqual(0, done.code, done.err)
        self.assert_all_there_once("a")
        # Its fire has nothing left to do then.
        loader = self.loader()
        self.wait_for(lambda: loader.did())
        self.assertEqual(2, len(self.said("a", "loading into")))


class Killed(HandOver):
    def test_a_server_that_dies_while_it_reads_is_followed_by_another(self):
        self.job("a", "every: 1s\noverlap: queue\n" + APART)
        self.fill("a", 100_000)
        self.loader()
        first = self.extractor(failpoint="postgres.copy_read@5=kill")
        self.assert_dies(first)
        self.assertEqual([], self.done("a"))
        self.extractor("second")
        last = time.time()
        self.wait_for(lambda: [at for at in self.done("a") if at > last])
        self.assert_all_there_once("a")

    def dies_while_it_loads(self, place):
        self.job("a", "every: 1s\noverlap: queue\n" + APART + OFTEN)
        self.fill("a", 1000)
        self.extractor()
        self.wait_for(lambda: self.staged("a"))
        self.ask("alter table source_a rename to away")
        self.assert_dies(self.loader("first", failpoint=f"{place}=kill"))
        self.loader("second")
        self.wait_for(lambda: self.done("a"))
        self.ask("alter table away rename to source_a")
        self.assert_all_there_once("a")

    def test_a_load_goes_on_elsewhere_from_the_stage_when_its_server_dies_before_the_commit(self):
        self.dies_while_it_loads("postgres.copy_put@1")

    def test_a_load_is_not_made_twice_when_its_server_dies_behind_the_commit(self):
        # The first is the one that announces the owner.
        self.dies_while_it_loads("postgres.committed@2")


class TargetAway(HandOver):
    def test_loads_come_through_later_from_what_is_staged_and_others_go_on(self):
        # What is staged is waited for, though its attempts are used up.
        self.job("far_a", "every: 1s\n" + APART + SELDOM)
        self.job("b", "every: 1s\n" + APART)
        self.fill("far_a", 1000)
        self.extractor()
        self.wait_for(lambda: self.staged("far_a"))
        self.ask("alter table source_far_a rename to away")
        self.far.stop()
        self.loader()
        self.wait_for(lambda: [state for _, state in self.fires("far_a", "half || state || attempts")
                               if state.startswith("loadretry_wait")])
        last = time.time()
        with self.written_to("b"):
            self.wait_for(lambda: len([at for at in self.done("b") if at > last]) >= 3)
        written = time.time()
        self.assertEqual([], self.done("far_a"))
        self.far.start()
        self.wait_for(lambda: self.done("far_a"), 120)  # its connection is given a rest
        self.ask("alter table away rename to source_far_a")
        self.assert_all_there_once("far_a")
        self.wait_for(lambda: len([at for at in self.done("b") if at > written]) >= 3)
        self.assert_all_there_once("b")
        read = [one for one in self.said("far_a", "reading the window")]
        self.assertEqual(1, len(read), read)

    def written_to(self, job):
        self.jobs = {job: self.jobs[job]}
        return self.written()


class OtherFolder(HandOver):
    def test_a_server_with_another_folder_under_that_path_is_refused(self):
        self.job("a", "every: 1s\n")
        first = self.server_of("one").start()
        self.wait_for(lambda: self.done("a"))
        other = self.server_of("other", stage=self.folder / "elsewhere")
        done = other.project.call("serve")
        self.assertEqual(2, done.code, done.err)
        self.assertIn("is not the stage of this project's servers: it has no .tidemark-stage", done.err)
        self.assertIn("mount there what the other servers have", done.err)
        self.assertFalse((self.folder / "elsewhere").exists())
        (self.folder / "elsewhere").mkdir()
        (self.folder / "elsewhere" / ".tidemark-stage").write_text("another's\n")
        self.assertIn("its name is another's", other.project.call("serve").err)
        # One whose folder goes away does nothing until it is there again, and loses no fire.
        self.stage.rename(self.folder / "away")
        self.wait_for(lambda: [one for one in first.lines if ".tidemark-stage" in one["message"]])
        self.stage.mkdir(exist_ok=True)
        away = time.time()
        self.stage.rmdir()
        (self.folder / "away").rename(self.stage)
        self.wait_for(lambda: [at for at in self.done("a") if at > away])

    def test_a_store_in_a_file_has_nobody_to_share_with(self):
        server = self.server_of("one")
        server.project.write("tidemark.yaml", "stage: {path: s, shared: true}\nconnections: {shop: {sqlite: s.db}}\n")
        done = server.project.call("run", "a")
        self.assertEqual(2, done.code)
        self.assertIn("`shared` is for servers that share a store", done.err + done.out)


if __name__ == "__main__":
    unittest.main()
