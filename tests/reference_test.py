#!/usr/bin/env python3
"""Holds the documents against the program: docs/reference/ is what the program writes, what `--json` prints
conforms to its JSON Schema, every job and project printed in a page is accepted, and links lead somewhere.
The program is $TIDEMARK_BINARY, default build/dev/tidemark.
"""

import json
import os
import pathlib
import re
import sqlite3
import subprocess
import sys
import tempfile
import unittest

from support.json_schema import faults, schema_faults

ROOT = pathlib.Path(__file__).resolve().parent.parent
BINARY = pathlib.Path(os.environ.get("TIDEMARK_BINARY", ROOT / "build/dev/tidemark"))
REFERENCE = ROOT / "docs/reference"
SCHEMAS = {path.stem: json.loads(path.read_text()) for path in sorted((REFERENCE / "schemas").glob("*.json"))}

# The pages that people wrote.
WRITTEN_PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")), *sorted((ROOT / "docs/adr").glob("*.md")),
                 *sorted((ROOT / "docs/model").glob("*.md")),
                 *sorted((ROOT / "examples").glob("*/README.md"))]

# For jobs of pages that show no project of their own.
PROJECT = """connections:
  shop: {postgres: host=db.example dbname=shop user=etl}
  landing: {files: data}
  station: {sqlite: weather.db}
  warehouse: {duckdb: warehouse.duckdb}
"""


def tidemark(*arguments, cwd=None):
    env = {**os.environ, "SHOP_PASSWORD": "x"}
    return subprocess.run([str(BINARY), *map(str, arguments)], capture_output=True, text=True, cwd=cwd, env=env,
                          timeout=300, check=False)


def blocks(page, language):
    return re.findall(rf"^```{language}\n(.*?)^```$", page.read_text(encoding="utf-8"), re.M | re.S)


def sections(page):
    """(`word` of the heading, yaml block) of every section of a reference page that has one."""
    parts = re.split(r"^## `(\w+)`$", page.read_text(encoding="utf-8"), flags=re.M)
    found = ((word, re.search(r"^```yaml\n(.*?)^```$", text, re.M | re.S))
             for word, text in zip(parts[1::2], parts[2::2]))
    return [(word, block[1]) for word, block in found if block]


def files_of(block):
    """The files a yaml block shows: each begins with a line `# jobs/NAME.yaml` or `# tidemark.yaml`."""
    parts = re.split(r"^# (jobs/[\w-]+\.yaml|tidemark\.yaml)\b.*\n", block, flags=re.M)
    return parts[0].strip(), dict(zip(parts[1::2], parts[2::2]))


class GeneratedPagesTest(unittest.TestCase):
    def test_reference_is_what_the_program_writes(self):
        with tempfile.TemporaryDirectory() as folder:
            done = tidemark("schema", "--docs", folder)
            self.assertEqual(0, done.returncode, done.stderr)
            wanted = {path.relative_to(folder): path.read_text() for path in pathlib.Path(folder).rglob("*.*")}
        present = {path.relative_to(REFERENCE): path.read_text() for path in REFERENCE.rglob("*.*")}
        differing = sorted(str(name) for name in wanted.keys() | present.keys()
                           if wanted.get(name) != present.get(name))
        self.assertEqual([], differing, "run `make docs` and commit docs/reference/")

    def test_schema_command_prints_the_same(self):
        for kind in ("job", "project"):
            self.assertEqual(tidemark("schema", kind).stdout, (REFERENCE / f"schemas/{kind}.json").read_text())

    def test_every_schema_is_one_we_can_check(self):
        for name, schema in SCHEMAS.items():
            self.assertEqual([], schema_faults(schema), name)

    def test_every_command_has_a_section(self):
        page = (REFERENCE / "command-line.md").read_text()
        for command in commands():
            self.assertIn(f"## `tidemark {command}`", page)


def commands():
    text = tidemark("--help").stdout
    return re.findall(r"^  (\w+) ", text[text.index("Commands:"):], re.M)


class NamedTestsTest(unittest.TestCase):
    def test_what_a_page_says_is_shown_by_a_test_is(self):
        page = (ROOT / "docs/schedule.md").read_text().split("## When something goes wrong")[1].split("\n## ")[0]
        named = 0
        for row in [line for line in page.splitlines() if line.startswith("|")][2:]:
            words = re.findall(r"`([^`]+)`", row.split(" | ")[-1])
            self.assertTrue(words, row)
            file = None
            for word in words:
                if "/" in word:
                    file = (ROOT / word).read_text()
                    continue
                named += 1
                self.assertRegex(file, rf"(?:TEST\w*\(\w+, |def ){word}\(?", row)
        self.assertGreater(named, 10)


class JsonDocumentsTest(unittest.TestCase):
    """A small project goes through runs of every outcome; what each command prints is held against its schema."""

    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.dir = pathlib.Path(cls.folder.name) / "project"
        done = tidemark("init", cls.dir)
        assert done.returncode == 0, done.stderr
        database = sqlite3.connect(cls.dir / "shop.db")
        database.execute("create table orders (id integer primary key, price real, big integer, seen text, raw blob)")
        database.execute("insert into orders values (1, 2.5, 9007199254740993, '2026-01-01', x'00ff'),"
                         " (2, -1, 5, '2026-01-02', null), (3, 'much', 5, '2026-01-03', null)")
        database.commit()
        database.close()
        project = cls.dir / "tidemark.yaml"
        project.write_text(project.read_text() + "  shop: {sqlite: shop.db}\n")
        (cls.dir / "jobs/orders.yaml").write_text(
            "from: {connection: shop, table: orders, watermark: seen}\n"
            "rules: {price_not_negative: price >= 0}\n"
            "to: {connection: warehouse, table: mart.orders, key: [id]}\n")
        (cls.dir / "jobs/broken.yaml").write_text(
            "from: {connection: shop, table: missing}\nto: {connection: warehouse, table: broken}\n")
        (cls.dir / "jobs/guarded.yaml").write_text(
            "from: {connection: shop, table: orders, watermark: seen, min_guarantee: exact}\n"
            "to: {connection: warehouse, table: guarded}\n")

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    def document(self, schema, *arguments, code=0):
        done = tidemark(*arguments, "--json", "--project", self.dir)
        self.assertEqual(code, done.returncode, f"{arguments}: {done.stdout}{done.stderr}")
        try:
            document = json.loads(done.stdout)
        except ValueError:
            self.fail(f"{arguments}: stdout is not one JSON document: {done.stdout!r}")
        self.assertEqual([], faults(document, SCHEMAS[schema]), f"{arguments}: {done.stdout}")
        return document

    def test_all_commands(self):
        self.document("version", "version")
        self.assertEqual([], self.document("validate", "validate")["faults"])
        self.assertEqual([], self.document("runs", "runs"))
        planned = self.document("plan", "plan", "orders")
        self.assertFalse(planned["streams"][0]["nothing_new"])

        run = self.document("run", "run", "orders")
        self.assertEqual(("success", 3, 1, 2), (run["status"], *counts(run)))
        self.assertEqual("skipped", self.document("run", "run", "orders")["status"])
        self.assertTrue(self.document("plan", "plan", "orders")["streams"][0]["nothing_new"])
        both = self.document("run", "run", "orders", "readings")
        self.assertEqual(["skipped", "success"], [one["status"] for one in both])
        failed = self.document("run", "run", "broken", code=2)
        self.assertEqual("failed", failed["status"])
        guarded = self.document("run", "run", "guarded", code=3)
        self.assertEqual(("blocked", "blocked.guarantee"), (guarded["status"], guarded["error"]["code"]))

        self.assertEqual(6, len(self.document("runs", "runs")))
        self.assertEqual(2, len(self.document("runs", "runs", "orders", "--limit", "2")))
        shown = self.document("show", "show", run["run_id"])
        self.assertEqual({**run, "cost": None, "events": shown["events"]}, shown)
        self.document("show", "show", failed["run_id"])
        self.assertIn("status", self.document("replay", "replay", run["run_id"]))

        verified = self.document("verify", "verify", "orders")
        self.assertTrue(verified["equal"] and verified["streams"][0]["proved_at"], verified)
        self.assertEqual("skipped", self.document("verify", "verify", "orders", "--repair")["repair"]["status"])

        self.assertEqual(2, len(self.document("stage-list", "stage", "list")["stages"]))
        self.assertEqual(0, self.document("stage-verify", "stage", "verify", "orders")["damaged"])
        self.assertEqual([], self.document("stage-clean", "stage", "clean", "--dry-run")["removed"])

        refused = self.document("quarantine", "quarantine", "orders")
        self.assertEqual({"extract", "price_not_negative"}, {row[0] for row in refused["rows"]})
        sql = ("select id, price, big, 1.5::decimal(5,2), true, null, raw, date '2026-01-01', [1], 'é',"
               " 'nan'::double from mart.orders")
        answer = self.document("query", "query", "warehouse", sql)
        self.assertEqual([1, 2.5, "9007199254740993", "1.50", True, None], answer["rows"][0][:6])

    def test_errors(self):
        self.document("error", "run", "orderz", code=2)
        self.document("error", "run", "orders", "--ful", code=2)
        self.document("error", "runn", "orders", code=2)
        self.document("error", "init", self.dir, code=2)
        self.document("error", "plan", "orderz", code=2)
        self.document("error", "show", "no-such-run", code=2)
        self.document("error", "query", "warehouse", "select wrong", code=2)
        self.document("error", "query", "warehose", "select 1", code=2)
        self.document("error", "stage", "lst", code=2)
        self.document("error", "stage", "verify", "orderz", code=2)

    def test_init(self):
        with tempfile.TemporaryDirectory() as folder:
            made = json.loads(tidemark("init", "--json", pathlib.Path(folder) / "new").stdout)
            self.assertEqual([], faults(made, SCHEMAS["init"]))

    def test_faults(self):
        with tempfile.TemporaryDirectory() as folder:
            done = tidemark("validate", "--json", "--project", folder)
            self.assertEqual(2, done.returncode)
            found = json.loads(done.stdout)
            self.assertEqual([], faults(found, SCHEMAS["validate"]))
            self.assertTrue(found["faults"])


def counts(run):
    stream = run["streams"][0]
    return stream["rows_read"], stream["rows_loaded"], stream["rows_rejected"]


class JsonSchemaTest(unittest.TestCase):
    """The check above is worth something only if it sees a fault."""

    def test_faults_are_seen(self):
        good = {"tidemark": "1", "engine": "2"}
        self.assertEqual([], faults(good, SCHEMAS["version"]))
        for bad in ({**good, "more": 1}, {"tidemark": "1"}, {**good, "engine": 2}, []):
            self.assertNotEqual([], faults(bad, SCHEMAS["version"]), bad)
        self.assertNotEqual([], faults([{}], SCHEMAS["runs"]))
        self.assertNotEqual([], faults({"columns": [], "rows": [[[1]]]}, SCHEMAS["query"]))

    def test_unknown_keyword_is_an_error(self):
        self.assertRaises(ValueError, faults, 1, {"multipleOf": 2})
        self.assertNotEqual([], schema_faults({"items": {"multipleOf": 2}}))


class ExamplesTest(unittest.TestCase):
    def test_jobs_in_pages_are_accepted(self):
        tried = 0
        for page in WRITTEN_PAGES:
            for block in blocks(page, "yaml"):
                head, files = files_of(block)
                self.assertEqual("", head, f"{page}: begin a yaml block with the line `# jobs/NAME.yaml`")
                tried += len(files)
                self.assert_accepted(page, files)
        self.assertGreater(tried, 1)

    def assert_accepted(self, page, files):
        with tempfile.TemporaryDirectory() as folder:
            folder = pathlib.Path(folder)
            for name, text in {"tidemark.yaml": PROJECT, **files}.items():
                (folder / name).parent.mkdir(exist_ok=True)
                (folder / name).write_text(text)
                for query in re.findall(r"\bsql:\s+(\S+\.sql)", text):
                    (folder / "jobs" / query).write_text("select * from rows\n")
            done = tidemark("validate", "--project", folder)
            self.assertEqual(0, done.returncode, f"{page}:\n{done.stdout}{done.stderr}")

    def test_examples_of_the_reference_are_accepted(self):
        job = {"from": "{connection: shop, table: public.orders}", "to": "{connection: warehouse, table: orders}"}

        def with_part(key, block):
            parts = {**job, key: "\n" + re.sub("^", "  ", block, flags=re.M)}
            if key == "deletes":
                parts["to"] = "{connection: warehouse, table: orders, load: upsert, key: [order_id]}"
            before = re.findall(r"\w+", block.partition("[")[2].partition("]")[0]) if key == "after" else []
            others = {f"jobs/{name}.yaml": f"from: {job['from']}\nto: {{connection: warehouse, table: {name}_too}}\n"
                      for name in before}
            if key in ("pool", "label"):
                others["tidemark.yaml"] = (f"{PROJECT}store: postgres://t@db.example/t\nstage: {{path: /mnt/stage, "
                                           "shared: true}\npools: {shop: 1, warehouse: 1}\n")
            return {"jobs/example.yaml": "".join(f"{name}: {text}\n" for name, text in parts.items()), **others}

        project, *_ = blocks(REFERENCE / "project.md", "yaml")
        self.assert_accepted("project.md", {"tidemark.yaml": project})
        for key, block in sections(REFERENCE / "project.md"):
            self.assert_accepted(f"project.md {key}", {"tidemark.yaml": f"{PROJECT}{key}: {block}"})
        whole, *_ = blocks(REFERENCE / "job.md", "yaml")
        self.assert_accepted("job.md", {"jobs/example.yaml": whole})
        for key, block in sections(REFERENCE / "job.md"):
            self.assert_accepted(f"job.md {key}", with_part(key, f"example:\n{re.sub('^', '  ', block, flags=re.M)}"
                                                            if key == "rules" else block))
        for step, block in sections(REFERENCE / "transform.md"):
            self.assert_accepted(f"transform.md {step}", with_part("transform", block))
        for page in sorted((REFERENCE / "connectors").glob("*.md")):
            connection = blocks(page, "yaml")[0].strip()
            self.assert_accepted(page.name, {"tidemark.yaml": f"connections:\n  example: {connection}\n"})

    def test_first_job_of_the_readme_runs_as_printed(self):
        _, files = files_of(blocks(ROOT / "README.md", "yaml")[0])
        self.assertEqual(["jobs/readings.yaml"], list(files))
        text = files["jobs/readings.yaml"]
        self.assertEqual(8, len(text.strip().splitlines()))
        with tempfile.TemporaryDirectory() as folder:
            project = pathlib.Path(folder) / "my-project"
            self.assertEqual(0, tidemark("init", project).returncode)
            (project / "jobs/readings.yaml").write_text(text)
            done = tidemark("run", "readings", "--json", cwd=project)
            self.assertEqual(0, done.returncode, done.stderr)
            self.assertEqual((5, 4, 1), counts(json.loads(done.stdout)))

    def test_commands_in_pages_exist(self):
        known = set(commands())
        for page in WRITTEN_PAGES:
            if page.name == "plan.md":
                continue
            text = page.read_text(encoding="utf-8")
            code = re.findall(r"`([^`\n]+)`", text) + [line for line in text.splitlines() if line.startswith("    ")]
            for line in code:
                for word in re.findall(r"(?:^|/|\s)tidemark (\w+)", line):
                    self.assertIn(word, known, f"{page}: {line}")

    def test_init_prints_commands_that_work(self):
        with tempfile.TemporaryDirectory() as folder:
            made = tidemark("init", "first", cwd=folder)
            for line in made.stdout.splitlines():
                if line.startswith("  tidemark "):
                    done = subprocess.run(["sh", "-c", line.replace("tidemark", f"'{BINARY}'", 1)], cwd=folder,
                                          capture_output=True, text=True, timeout=300, check=False)
                    self.assertEqual(0, done.returncode, line + done.stdout + done.stderr)


class LinksTest(unittest.TestCase):
    def test_links_and_paths_lead_somewhere(self):
        missing = []
        for page in [*WRITTEN_PAGES, *sorted(REFERENCE.rglob("*.md"))]:
            text = page.read_text(encoding="utf-8")
            for link in re.findall(r"\]\(([^)#\s]+)", text):
                if "://" not in link and not (page.parent / link).exists():
                    missing.append(f"{page.relative_to(ROOT)}: {link}")
            for path in re.findall(r"`((?:src|tests|tools|cmake|docs|examples)/[\w./-]+)`", text):
                if not (ROOT / path).exists():
                    missing.append(f"{page.relative_to(ROOT)}: {path}")
        self.assertEqual([], missing)

    def test_architecture_names_every_folder(self):
        text = (ROOT / "docs/ARCHITECTURE.md").read_text()
        folders = {path.parent.relative_to(ROOT).as_posix() for path in (ROOT / "src").rglob("*.h")}
        self.assertEqual([], sorted(folder for folder in folders if f"| `{folder}/` |" not in text))


if __name__ == "__main__":
    if not BINARY.exists():
        sys.exit(f"{BINARY} is not built: run make test, or set TIDEMARK_BINARY")
    unittest.main()
