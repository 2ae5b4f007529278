#!/usr/bin/env python3
"""A Redis beside the store, as a person meets it: the same answers with it and without, whatever becomes of it.

The program is $TIDEMARK_BINARY, default build/dev/tidemark.
"""

import json
import re
import time
import unittest

from support.json_schema import faults
from support.project import PROJECT_YAML, ROOT, Project
from support.served import READ, Served
from support.temporary_postgres import TemporaryPostgres
from support.temporary_redis import TemporaryRedis, free_port

SCHEMA = json.loads((ROOT / "docs/reference/schemas/status.json").read_text(encoding="utf-8"))
AGE_MAX_SECONDS = 2.0


def without_times(status):
    """What two looks at a store in which nothing happens have in common."""
    return {name: value for name, value in status.items() if name not in ("at", "cache")}


class CacheTest(unittest.TestCase):
    def setUp(self):
        self.redis = self.enterContext(TemporaryRedis())
        self.project = self.enterContext(Project())
        self.uses(self.redis.address())
        self.project.write("data/a-1.csv", "id\n1\n2\n")
        self.project.job("a", READ.replace("NAME", "a"))

    def uses(self, cache):
        self.project.write("tidemark.yaml", PROJECT_YAML + (f"cache: {cache}\n" if cache else ""))

    def good(self, *arguments, **options):
        done = self.project.call(*arguments, **options)
        self.assertEqual(0, done.code, done.err)
        return done

    def run_job(self):
        return self.good("run", "a", "--json").json["run_id"]

    def runs(self):
        return [run["run_id"] for run in self.good("runs", "--json").json]

    def status(self):
        found = self.good("status", "--json").json
        self.assertEqual([], faults(found, SCHEMA))
        return found

    def answers(self):
        return self.good("runs", "--json").json, without_times(self.status())

    def texts(self):
        """Keys of answers that are kept now; asking for one keeps it."""
        deadline = time.monotonic() + 30
        while True:
            self.answers()
            found = [key for key in self.redis.keys() if ":generation:" not in key and not key.endswith(":lock")]
            if len(found) >= 2:
                return found
            self.assertLess(time.monotonic(), deadline, "no answer is kept")

    def test_answers_are_the_same_with_it_and_without(self):
        self.run_job()
        self.texts()
        kept = self.answers()
        self.uses("")
        self.assertEqual(kept, self.answers())
        self.assertIsNone(self.status()["cache"])
        self.assertNotIn("cache", self.good("status").out)

    def test_an_answer_that_is_kept_is_the_one_that_is_given(self):
        self.run_job()
        before = self.answers()
        deadline = time.monotonic() + 60
        while (found := self.status())["cache"]["found"] == 0:
            self.assertLess(time.monotonic(), deadline, f"the cache is not used: {found['cache']}")
        self.assertEqual((self.redis.address(), None), (found["cache"]["name"], found["cache"]["failing"]))
        self.assertEqual(before, (before[0], without_times(found)))

    def test_another_process_sees_each_run_that_has_ended(self):
        known = []
        for _ in range(4):
            self.assertEqual(known, self.runs())
            known.insert(0, self.run_job())
            self.assertEqual(known, self.runs())

    def test_what_somebody_writes_into_its_keys_is_not_believed(self):
        self.run_job()
        right = self.answers()
        for spoil in (lambda key: self.redis.ask("SET", key, "garbage"), lambda key: self.redis.ask("APPEND", key, "x"),
                      lambda key: self.redis.ask("SETRANGE", key, "90", "zzzz"),
                      lambda key: self.redis.ask("EVAL", "redis.call('del', KEYS[1]) redis.call('lpush', KEYS[1], 'a')",
                                                 "1", key)):
            self.texts()
            for key in self.redis.keys():
                spoil(key)
            self.assertEqual(right, self.answers())

    def test_an_empty_one_is_filled_again(self):
        self.run_job()
        right = self.answers()
        for _ in range(3):
            self.redis.ask("FLUSHALL")
            self.assertEqual(right, self.answers())
        self.texts()

    def test_without_one_there_status_is_as_right_and_says_so(self):
        run = self.run_job()
        right = self.answers()
        self.redis.kill()
        self.assertEqual([run], self.runs())
        found = self.status()
        self.assertEqual(right[1], without_times(found))
        self.assertIn("does not answer", found["cache"]["failing"])
        self.assertRegex(self.good("status").out, r"cache   not asked since .*, the store is: .*does not answer")
        self.assertIn("the store was asked", self.good("runs").err)
        later = self.run_job()
        self.assertEqual([later, run], self.runs())
        self.redis.start()
        self.assertEqual([later, run], self.runs())
        self.texts()

    def test_one_that_stands_still_costs_little(self):
        run = self.run_job()
        right = self.answers()
        self.redis.stand_still()
        begun = time.monotonic()
        self.assertEqual(right[0], self.good("runs", "--json").json)
        with_it = time.monotonic() - begun
        later = self.run_job()
        self.assertEqual([later, run], self.runs())
        self.assertIn("does not answer", self.status()["cache"]["failing"])
        self.redis.go_on()
        self.assertLess(with_it, 20)

    def test_a_wrong_password_is_said_and_not_shown(self):
        with TemporaryRedis("--requirepass", "right") as redis:
            cache = f'{{redis: "{redis.address()}", password: "${{env:CACHE_PASSWORD}}"}}'
            self.uses(cache)
            env = {"CACHE_PASSWORD": "hunter2"}
            run = self.good("run", "a", "--json", env=env).json["run_id"]
            done = self.good("runs", "--json", env=env)
            self.assertEqual([run], [one["run_id"] for one in done.json])
            self.assertIn("WRONGPASS", done.err)
            page = self.good("status", env=env)
            self.assertIn("WRONGPASS", page.out)
            self.assertNotIn("hunter2", done.err + done.out + page.out + page.err)
            self.uses(f'{{redis: "{redis.address()}"}}')
            self.assertIn("NOAUTH", self.good("runs", "--json").err)
            self.uses(cache)
            env = {"CACHE_PASSWORD": "right"}
            self.assertEqual("", self.good("runs", "--json", env=env).err)
            deadline = time.monotonic() + 30
            while not redis.ask("KEYS", "*", password="right"):
                self.assertLess(time.monotonic(), deadline)
                self.good("runs", env=env)

    def test_a_fault_in_its_address_is_told_with_its_place(self):
        self.uses("redis://cache:99999/0")
        done = self.project.call("validate")
        self.assertEqual(2, done.code)
        self.assertIn("tidemark.yaml:5:8: the address of the cache cannot be read: the port", done.out)
        self.uses('"redis://:hunter2@cache"')
        done = self.project.call("validate")
        self.assertIn("a password must not stand in the address", done.out)
        self.assertNotIn("hunter2", done.out + done.err)
        self.uses(f"redis://127.0.0.1:{free_port()}")
        self.good("validate")


class ServedCache(Served):
    def setUp(self):
        super().setUp()
        self.redis = self.enterContext(TemporaryRedis())
        self.project.write("tidemark.yaml", PROJECT_YAML + f"cache: {self.redis.address()}\n")

    def status(self):
        done = self.project.call("status", "--json")
        self.assertEqual(0, done.code, done.err)
        return done.json

    def test_a_service_says_once_that_it_is_gone_and_once_that_it_is_back(self):
        self.job("a")
        self.served = self.project.start("serve")
        self.wait_for(lambda: self.done("a") >= 1)
        self.wait_for(lambda: self.status()["cache"] and not self.status()["cache"]["failing"])
        self.redis.kill()
        self.wait_for(lambda: self.status()["cache"]["failing"])
        done = self.done("a")
        self.wait_for(lambda: self.done("a") >= done + 3, 60)
        self.assertIn("does not answer", self.status()["cache"]["failing"])
        self.redis.start()
        self.wait_for(lambda: not self.status()["cache"]["failing"], 90)
        served, self.served = self.served, None
        served.terminate()
        out = served.communicate(timeout=60)[1].decode()
        # A machine that is busy may be silent for longer than the cache is waited for, and says so too.
        gone = [line for line in out.splitlines() if "Connection refused" in line]
        self.assertEqual(1, len(gone), out)
        self.assertIn("the store is asked instead", gone[0])
        self.assertIn("answers again", out)


class TwoServers(unittest.TestCase):
    """Two folders of one project, with one store and one cache."""

    def test_what_one_runs_the_other_shows(self):
        with TemporaryPostgres() as postgres, TemporaryRedis() as redis, Project() as one, Project() as other:
            for project in (one, other):
                project.write("tidemark.yaml", f"store: postgres://postgres@127.0.0.1:{postgres.port}/postgres\n"
                              f"cache: {redis.address()}\n{PROJECT_YAML}")
                project.write("data/a-1.csv", "id\n1\n2\n")
                for name in ("a", "b"):
                    project.job(name, READ.replace("NAME-", "a-").replace("NAME", name))
            server = other.start("serve")
            try:
                deadline = time.monotonic() + 60
                while not (other.dir / ".tidemark/sock").exists():
                    self.assertIsNone(server.poll(), "the service ended")
                    self.assertLess(time.monotonic(), deadline)
                    time.sleep(0.1)
                known = []
                for name in ("a", "b", "a", "b"):
                    self.assertEqual(known, self.runs(other))
                    done, document = one.run(name)
                    self.assertEqual(0, done.code, done.err)
                    ended = time.monotonic()
                    known.insert(0, document["run_id"])
                    while self.runs(other) != known:
                        self.assertLess(time.monotonic() - ended, AGE_MAX_SECONDS + 20)
                keys = {re.sub(r"\{.*?\}", "", key) for key in redis.keys()}
                self.assertIn("tidemark::generation:runs", keys)
                stores = {re.search(r"\{(.*?)\}", key)[1] for key in redis.keys()}
                self.assertEqual(1, len(stores), "both have the same store")
            finally:
                server.terminate()
                server.communicate(timeout=60)

    def runs(self, project):
        done = project.call("runs", "--json")
        self.assertEqual(0, done.code, done.err)
        return [run["run_id"] for run in done.json]


if __name__ == "__main__":
    unittest.main()
