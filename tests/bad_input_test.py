#!/usr/bin/env python3
"""Bad input of every kind, met by the real program.

Each case asks the same: is there a message that names the place and says what to do, is the exit code right, does the
target stand as it stood with the watermark where it was, and does the next run after the repair load everything
exactly once. The program is $TIDEMARK_BINARY, default build/dev/tidemark.
"""

import os
import pathlib
import pwd
import signal
import sqlite3
import subprocess
import threading
import time
import unittest

from support.bad_input import ORDERS, BadInput
from support.duckdb_file import DuckdbFile
from support.project import PROJECT_YAML, call, finish

LARGE_TEXT_BYTES = 1 << 30
# Far below the value's size; what the sanitizers keep aside is in it.
LARGE_TEXT_MEMORY_BYTES = 700 << 20

# Rows made by the source itself: as many as the table `size` says, so a run lasts as long as a test needs.
ENDLESS = """\
from:
  connection: shop
  query: >
    with recursive n(i) as (select 1 union all select i + 1 from n where i < (select rows from size))
    select i, 'row ' || i as name from n
  columns: {i: bigint, name: varchar}
to: {connection: warehouse, table: numbers, load: full}
"""


class BadFiles(BadInput):
    def test_truncated_parquet(self):
        self.project.job("trips", """\
from: {connection: landing, files: "trips-*.parquet"}
to:   {connection: warehouse, table: trips, load: append}
""")
        with DuckdbFile() as engine:
            for number in (1, 2):
                engine.rows(f"COPY (SELECT i + {number} * 1000 AS id, md5(i::VARCHAR) AS hash FROM range(1000) t(i)) "
                            f"TO '{self.project.dir}/data/trips-{number}.parquet'")
        second = self.project.dir / "data/trips-2.parquet"
        whole = second.read_bytes()
        second.unlink()
        self.loaded("trips", read=1000, loaded=1000)
        before = self.state("trips", "trips")
        for cut in (0, 3, len(whole) // 2, len(whole) - 1):
            with self.subTest(bytes=cut):
                second.write_bytes(whole[:cut])
                self.failed(self.project.call("run", "trips"), 1, "trips-2.parquet", "no whole Parquet file",
                            "deliver the file again")
                self.assertEqual(self.state("trips", "trips"), before)
        damaged = bytearray(whole)
        damaged[len(whole) // 3] ^= 0xff  # in a text, which is no UTF-8 then
        second.write_bytes(damaged)
        self.failed(self.project.call("run", "trips"), 1, "trips-2.parquet", "deliver the data again")
        self.assertEqual(self.state("trips", "trips"), before)
        second.write_bytes(whole)
        self.loaded("trips", read=1000, loaded=1000)
        self.assertEqual(self.project.rows("SELECT count(*), count(DISTINCT id) FROM trips"), [["2000", "2000"]])

    def test_invalid_utf8_and_nul_are_refused_row_by_row(self):
        self.start_with_one_file()
        self.project.write("data/orders-2.csv", b"id,name\n3,three\n4,f\xff\xfeur\n5,fi\0ve\n6,six\n7,\xc3\n")
        self.loaded("orders", read=5, loaded=2, refused=3)
        self.assertEqual(self.ids(), ["1", "2", "3", "6"])
        refused = self.project.rows("SELECT locator, column_name, message, hex(raw) FROM tidemark_quarantine "
                                    "ORDER BY locator")
        self.assertEqual(refused, [
            ["orders-2.csv:3", "name", "it is not valid UTF-8", b"4,f\xff\xfeur".hex().upper()],
            ["orders-2.csv:4", "name", "it holds a NUL byte", b"5,fi\0ve".hex().upper()],
            ["orders-2.csv:6", "name", "it is not valid UTF-8", b"7,\xc3".hex().upper()]])

    def test_a_header_that_is_not_utf8(self):
        before = self.start_with_one_file()
        self.project.write("data/orders-2.csv", b"id,na\xffme\n3,three\n")
        self.failed(self.project.call("run", "orders"), 1, "orders-2.csv:1", "header", "correct the file")
        self.assertEqual(self.state(), before)

    def test_utf16(self):
        before = self.start_with_one_file()
        self.project.write("data/orders-2.csv", "id,name\n3,three\n".encode("utf-16"))
        self.failed(self.project.call("run", "orders"), 1, "orders-2.csv:1", "UTF-16", "write it as UTF-8")
        self.assertEqual(self.state(), before)

    def test_changed_header(self):
        before = self.start_with_one_file()
        self.project.write("data/orders-2.csv", "id,title,extra\n3,three,x\n")
        self.failed(self.project.call("run", "orders"), 1, "orders-2.csv", "missing: `name`", "new: `title`, `extra`",
                    "correct the file's header")
        self.assertEqual(self.state(), before)
        self.project.write("data/orders-2.csv", "name,id\nthree,3\n")
        self.loaded("orders", read=1, loaded=1)
        self.assertEqual(self.ids(), ["1", "2", "3"])

    def test_ragged_rows(self):
        self.start_with_one_file()
        self.project.write("data/orders-2.csv", "id,name\n3\n4,four,more\n5,five\n")
        self.loaded("orders", read=3, loaded=1, refused=2)
        self.assertEqual(self.project.rows("SELECT locator, message FROM tidemark_quarantine ORDER BY locator"), [
            ["orders-2.csv:2", "it has 1 values, the header has 2"],
            ["orders-2.csv:3", "it has 3 values, the header has 2"]])
        self.assertEqual(self.ids(), ["1", "2", "5"])

    def test_unclosed_quote(self):
        before = self.start_with_one_file()
        self.project.write("data/orders-2.csv", 'id,name\n3,three\n4,"four\n5,five\n')
        self.failed(self.project.call("run", "orders"), 1, "orders-2.csv:3", "a quote opens in this row and never closes",
                    "close the quote")
        self.assertEqual(self.state(), before)
        self.project.write("data/orders-2.csv", 'id,name\n3,three\n4,"four"\n5,five\n')
        self.loaded("orders", read=3, loaded=3)
        self.assertEqual(self.ids(), ["1", "2", "3", "4", "5"])

    def test_damaged_gzip(self):
        import gzip
        self.project.job("orders", ORDERS.replace("*.csv", "*.csv.gz"))
        whole = gzip.compress(b"id,name\n" + b"".join(b"%d,row\n" % i for i in range(50000)))
        for content, words in ((whole[:len(whole) // 2], "ends too early"), (b"id,name\n1,x\n", "not packed"),
                               (whole[:200] + b"\xff" * 50 + whole[250:], "damaged")):
            with self.subTest(words):
                self.project.write("data/orders-1.csv.gz", content)
                self.failed(self.project.call("run", "orders"), 1, "orders-1.csv.gz", words)
                self.assertEqual(self.project.count("orders"), 0)
        self.project.write("data/orders-1.csv.gz", whole)
        self.loaded("orders", read=50000, loaded=50000)

    def test_empty_file(self):
        before = self.start_with_one_file()
        self.project.write("data/orders-2.csv", "")
        self.failed(self.project.call("run", "orders"), 1, "orders-2.csv", "the file is empty", "deliver the file whole")
        self.assertEqual(self.state(), before)

    def test_no_file_matches(self):
        self.project.job("orders", ORDERS)
        self.failed(self.project.call("run", "orders"), 1, "no file in", "orders-*.csv", "check the pattern")
        self.project.write("data/orders-1.csv", "id,name\n1,one\n")
        self.loaded("orders", read=1, loaded=1)

    def test_a_folder_that_is_missing(self):
        self.project.job("orders", ORDERS)
        (self.project.dir / "data").rmdir()
        self.failed(self.project.call("run", "orders"), 1, "data", "does not exist", "create it")

    def test_a_link_out_of_the_folder(self):
        before = self.start_with_one_file()
        self.project.write("outside.csv", "id,name\n3,three\n")
        (self.project.dir / "data/orders-2.csv").symlink_to(self.project.dir / "outside.csv")
        self.failed(self.project.call("run", "orders"), 2, "orders-2.csv", "outside the connection's folder", "copy")
        self.assertEqual(self.state(), before)

    def test_a_very_large_value_stays_within_memory(self):
        self.project.write("tidemark.yaml", PROJECT_YAML + "memory: 200MB\n")
        before = self.start_with_one_file()
        path = self.project.dir / "data/orders-2.csv"
        piece = b"x" * (16 << 20)
        with open(path, "wb") as file:
            file.write(b"id,name\n3,")
            for _ in range(LARGE_TEXT_BYTES // len(piece)):
                file.write(piece)
            file.write(b"\n4,four\n")
        process = self.project.start("run", "orders")
        peak = largest_memory(process)
        self.failed(finish(process), 1, "orders-2.csv:2", "the row has more than", "split the value")
        self.assertLess(peak(), LARGE_TEXT_MEMORY_BYTES)
        self.assertEqual(self.state(), before)
        path.write_text("id,name\n3,three\n4,four\n")
        self.loaded("orders", read=2, loaded=2)
        self.assertEqual(self.ids(), ["1", "2", "3", "4"])

    def test_more_data_than_memory(self):
        rows = 60_000
        self.project.write("tidemark.yaml", PROJECT_YAML + "memory: 64MB\n")
        self.project.job("orders", ORDERS)
        with DuckdbFile() as engine:
            engine.rows(f"COPY (SELECT i AS id, repeat(md5(i::VARCHAR), 60) AS note FROM range(1, {rows} + 1) t(i)) "
                        f"TO '{self.project.dir}/data/orders-1.csv'")
        self.assertGreater((self.project.dir / "data/orders-1.csv").stat().st_size, 110_000_000)
        self.loaded("orders", read=rows, loaded=rows)
        self.assertEqual(self.project.rows("SELECT count(DISTINCT id), sum(length(note)) FROM orders"),
                         [[str(rows), str(rows * 1920)]])

    def test_a_file_that_changes_under_the_read(self):
        self.project.job("orders", ORDERS)
        path = self.project.write("data/orders-1.csv", "id,name\n" + "".join(f"{i},row {i}\n" for i in range(400_000)))
        process = self.project.start("run", "orders")
        added = 0
        while process.poll() is None:
            with open(path, "a", encoding="utf-8") as file:
                file.write(f"{1_000_000 + added},late\n")
            added += 1
            time.sleep(0.01)
        done = finish(process)
        self.failed(done, 1, "orders-1.csv", "deliver files under another name")
        self.assertRegex(done.err, "still being written|changed while it was read")
        self.assertEqual(self.project.count("orders"), 0)
        self.loaded("orders", read=400_000 + added, loaded=400_000 + added)


def largest_memory(process):
    """Watches a process; the answer is asked after its end: the most memory it held, in bytes."""
    found = [0]

    def watch():
        while True:
            try:
                status = pathlib.Path(f"/proc/{process.pid}/status").read_text(encoding="ascii")
            except OSError:
                return
            line = next((line for line in status.splitlines() if line.startswith("VmHWM:")), None)
            if line is None:
                return
            found[0] = max(found[0], int(line.split()[1]) * 1024)
            time.sleep(0.02)

    thread = threading.Thread(target=watch)
    thread.start()

    def peak():
        thread.join()
        assert found[0] > 0
        return found[0]
    return peak


class BadSystems(BadInput):
    def make_source(self, rows):
        with sqlite3.connect(self.project.dir / "shop.db") as database:
            database.execute("CREATE TABLE IF NOT EXISTS size (rows INTEGER)")
            database.execute("DELETE FROM size")
            database.execute("INSERT INTO size VALUES (?)", (rows,))
        database.close()

    def start_endless(self):
        """A run in the middle of its work."""
        self.project.job("numbers", ENDLESS)
        self.make_source(2_000_000_000)
        process = self.project.start("run", "numbers")
        self.addCleanup(finish, process)
        self.addCleanup(process.kill)
        deadline = time.monotonic() + 30
        while not list(self.project.dir.glob(".tidemark/stage/numbers/main/*.partial")):
            self.assertIsNone(process.poll(), "the run ended by itself")
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.01)
        time.sleep(0.3)
        return process

    def test_a_table_dropped_between_plan_and_run(self):
        def sql(text):
            with sqlite3.connect(self.project.dir / "shop.db") as database:
                database.executescript(text)
            database.close()
        sql("CREATE TABLE items (id INTEGER PRIMARY KEY, name TEXT); INSERT INTO items VALUES (1, 'one')")
        self.project.job("items", "from: {connection: shop, table: items}\n"
                         "to: {connection: warehouse, table: items, load: full}\n")
        self.loaded("items", read=1, loaded=1)
        before = self.state("items", "items")
        self.assertEqual(self.project.call("plan", "items").code, 0)
        sql("DROP TABLE items")
        done = self.project.call("run", "items")
        self.assertIn(done.code, (1, 2))
        self.assertIn("items", done.err)
        self.assertEqual(self.state("items", "items"), before)
        sql("CREATE TABLE items (id INTEGER PRIMARY KEY, name TEXT); INSERT INTO items VALUES (1, 'one'), (2, 'two')")
        self.loaded("items", read=2, loaded=2)
        self.assertEqual(self.ids("items"), ["1", "2"])

    def test_a_source_that_is_missing_or_no_database(self):
        self.project.job("items", "from: {connection: shop, table: items}\n"
                         "to: {connection: warehouse, table: items, load: full}\n")
        done = self.project.call("run", "items")
        self.failed(done, 1, "shop.db", "`shop`")
        self.assertFalse((self.project.dir / "shop.db").exists())
        self.project.write("shop.db", "this is no database, though it is long enough to be looked at\n" * 100)
        self.failed(self.project.call("run", "items"), 1, "shop")

    def test_two_runs_at_once(self):
        process = self.start_endless()
        started = time.monotonic()
        second = self.project.call("run", "numbers", "--wait", "1s")
        waited = time.monotonic() - started
        self.failed(second, 3, "in use", f"process {process.pid}", "run ", "--wait")
        self.assertGreaterEqual(waited, 1)
        run = (self.project.dir / ".tidemark/lock").read_text(encoding="utf-8")
        self.assertIn([line[4:] for line in run.splitlines() if line.startswith("run ")][0], second.err)
        at_once = self.project.call("run", "numbers", "--json")
        self.assertEqual((at_once.code, at_once.json["error"]["code"]), (3, "run.project_busy"))
        # Whoever only looks is told the same, and not of a lock of the engine's.
        for look in (["query", "warehouse", "select 1"], ["quarantine", "numbers"], ["plan", "numbers"]):
            done = self.project.call(*look, "--json")
            self.assertEqual((done.code, done.json["error"]["code"]), (3, "run.project_busy"), look)
        process.send_signal(signal.SIGINT)
        self.assertEqual(finish(process).code, 130)

    def test_a_second_run_waits_for_the_first(self):
        process = self.start_endless()
        self.project.job("orders", ORDERS)
        self.project.write("data/orders-1.csv", "id,name\n1,one\n")
        second = self.project.start("run", "orders", "--wait", "60s", "--json")
        try:
            time.sleep(0.5)
            self.assertIsNone(second.poll())
        finally:
            process.send_signal(signal.SIGINT)
            self.assertEqual(finish(process).code, 130)
            done = finish(second)
        self.assertEqual(done.json["streams"][0]["rows_loaded"], 1)

    def test_interrupted(self):
        for sent in (signal.SIGINT, signal.SIGTERM):
            with self.subTest(sent.name):
                process = self.start_endless()
                started = time.monotonic()
                process.send_signal(sent)
                done = finish(process)
                self.assertLess(time.monotonic() - started, 10)
                self.failed(done, 130, "cancelled")
                self.assertEqual(self.project.count("numbers"), 0)
                self.assertEqual(self.project.ledger("numbers"), [])
        runs = self.project.call("runs", "--json").json
        self.assertEqual([run["status"] for run in runs], ["cancelled", "cancelled"])
        self.make_source(1000)
        self.loaded("numbers", read=1000, loaded=1000)
        self.assertEqual(self.project.rows("SELECT count(*), sum(i) FROM numbers"), [["1000", "500500"]])

    def test_killed_in_the_middle(self):
        self.project.job("orders", ORDERS.replace("csv", "parquet") + "transform:\n"
                         "  - dedupe: {key: [id], order: hash}\n")
        count = 100_000

        def deliver(number):
            with DuckdbFile() as engine:
                engine.rows(f"COPY (SELECT i + {number * count} AS id, md5(i::VARCHAR) AS hash FROM range({count}) "
                            f"t(i)) TO '{self.project.dir}/data/orders-{number}.parquet'")
        deliver(0)
        started = time.monotonic()
        self.loaded("orders", read=count, loaded=count)
        whole = time.monotonic() - started
        for number, share in enumerate((0.05, 0.3, 0.5, 0.7, 0.85, 0.95), 1):
            with self.subTest(share=share):
                deliver(number)
                process = self.project.start("run", "orders")
                time.sleep(whole * share)
                process.kill()
                finish(process)
                done, document = self.project.run("orders")
                self.assertEqual(done.code, 0, done.err)
                self.assertIn(document["status"], ("success", "skipped"))
                rows = (number + 1) * count
                self.assertEqual(self.project.rows("SELECT count(*), count(DISTINCT id), max(id) FROM orders"),
                                 [[str(rows), str(rows), str(rows - 1)]])
                self.assertEqual(self.project.rows("SELECT seq FROM tidemark_ledger"), [[str(number + 1)]])
        # The history is as true: each killed run has an end, a good one where its load had been committed.
        runs = [run for run in self.project.call("runs", "--limit", "100", "--json").json if run["status"] != "skipped"]
        self.assertLessEqual({run["status"] for run in runs}, {"success", "failed"})
        self.assertEqual(sum(run["streams"][0]["rows_loaded"] for run in runs), 7 * count)
        for run in runs:
            self.assertIsNotNone(run["ended_at"])
            if run["status"] == "failed":
                self.assertEqual(run["error"]["code"], "run.process_died")
                self.assertEqual(run["streams"][0]["rows_loaded"], 0)

    # --- disks and rights

    def mount_small_disk(self, place, size):
        folder = self.project.dir / place
        folder.mkdir(parents=True, exist_ok=True)
        if os.geteuid() != 0:
            self.skipTest("only root can mount a small disk")
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)],
                              capture_output=True, text=True, check=False)
        if done.returncode != 0:
            self.skipTest(f"a small disk cannot be mounted here: {done.stderr.strip()}")
        self.addCleanup(subprocess.run, ["umount", "-l", str(folder)], check=False)
        return folder

    def fill(self, rows=200_000):
        with DuckdbFile() as engine:
            engine.rows(f"COPY (SELECT i AS id, md5(i::VARCHAR) || md5((-i)::VARCHAR) AS hash FROM range(1, {rows} + 1) t(i)) "
                        f"TO '{self.project.dir}/data/orders-2.csv'")
        return rows

    def full_disk(self, folder, *words):
        self.project.job("orders", ORDERS)
        self.project.write("data/orders-1.csv", "id,hash\n-1,one\n")
        self.loaded("orders", read=1, loaded=1)
        rows = self.fill()
        done = self.project.call("run", "orders")
        self.failed(done, 1, *words)
        subprocess.run(["mount", "-o", "remount,size=200m", str(folder)], check=True)
        self.loaded("orders", read=rows, loaded=rows)
        return rows

    def test_a_full_disk_below_the_stage(self):
        folder = self.mount_small_disk("small", "4m")
        self.project.write("tidemark.yaml", PROJECT_YAML + "stage: small/stage\nsegment: 1MB\n")
        rows = self.full_disk(folder, "small/stage", "No space left on device", "free space on the volume")
        self.assertEqual(self.project.rows("SELECT count(*), count(DISTINCT id) FROM orders"),
                         [[str(rows + 1), str(rows + 1)]])

    def test_a_full_disk_below_the_warehouse(self):
        folder = self.mount_small_disk("small", "4m")
        self.project.write("tidemark.yaml", PROJECT_YAML.replace("warehouse.duckdb", "small/warehouse.duckdb"))
        rows = self.full_disk(folder, "free space on the volume")
        with DuckdbFile(folder / "warehouse.duckdb") as file:
            self.assertEqual(file.rows("SELECT count(*), count(DISTINCT id) FROM orders"),
                             [[str(rows + 1), str(rows + 1)]])
            self.assertEqual(file.rows("SELECT seq FROM tidemark_ledger"), [["2"]])

    def ordinary_user(self):
        """Options that run the program as a user whom rights bind; the project becomes his."""
        if os.geteuid() != 0:
            return {}
        nobody = pwd.getpwnam("nobody")
        options = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
        try:
            if call("version", cwd="/", **options).code != 0:
                self.skipTest("another user cannot run the program from its folder")
        except PermissionError:
            self.skipTest("another user cannot run the program from its folder")
        for path in [self.project.dir, *self.project.dir.rglob("*")]:
            os.chown(path, nobody.pw_uid, nobody.pw_gid)
        return options

    def test_a_target_that_may_not_be_written(self):
        before = self.start_with_one_file()
        self.project.write("data/orders-2.csv", "id,name\n3,three\n")
        options = self.ordinary_user()
        warehouse = self.project.dir / "warehouse.duckdb"
        warehouse.chmod(0o444)
        self.failed(self.project.call("run", "orders", **options), 1, "warehouse.duckdb", "give this user the right")
        warehouse.chmod(0o644)
        self.assertEqual(self.state(), before)
        done = self.project.call("run", "orders", **options)
        self.assertEqual(done.code, 0, done.err)
        self.assertEqual(self.ids(), ["1", "2", "3"])

    def test_a_target_folder_that_may_not_be_written(self):
        self.project.write("tidemark.yaml", PROJECT_YAML.replace("warehouse.duckdb", "out/warehouse.duckdb"))
        self.project.job("orders", ORDERS)
        self.project.write("data/orders-1.csv", "id,name\n1,one\n")
        folder = self.project.dir / "out"
        folder.mkdir()
        options = self.ordinary_user()
        folder.chmod(0o555)
        self.failed(self.project.call("run", "orders", **options), 1, "out/warehouse.duckdb", "give this user the right")
        self.assertEqual(list(folder.iterdir()), [])
        folder.chmod(0o755)
        self.assertEqual(self.project.call("run", "orders", **options).code, 0)

    def test_a_target_folder_that_is_missing(self):
        self.project.write("tidemark.yaml", PROJECT_YAML.replace("warehouse.duckdb", "out/warehouse.duckdb"))
        self.project.job("orders", ORDERS)
        self.project.write("data/orders-1.csv", "id,name\n1,one\n")
        self.failed(self.project.call("run", "orders"), 1, "out/warehouse.duckdb", "path")
        (self.project.dir / "out").mkdir()
        self.assertEqual(self.project.call("run", "orders").code, 0)

    def test_a_target_that_is_no_database(self):
        self.project.job("orders", ORDERS)
        self.project.write("data/orders-1.csv", "id,name\n1,one\n")
        text = "this file is somebody's and no database\n" * 1000
        self.project.write("warehouse.duckdb", text)
        self.failed(self.project.call("run", "orders"), 1, "warehouse.duckdb")
        self.assertEqual((self.project.dir / "warehouse.duckdb").read_text(), text)

    def test_a_file_that_may_not_be_read(self):
        before = self.start_with_one_file()
        path = self.project.write("data/orders-2.csv", "id,name\n3,three\n")
        options = self.ordinary_user()
        path.chmod(0)
        self.failed(self.project.call("run", "orders", **options), 1, "orders-2.csv", "ermission")
        self.assertEqual(self.state(), before)


if __name__ == "__main__":
    unittest.main()
