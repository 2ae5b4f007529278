"""A read of files that dies goes on behind its last sealed segment; every row comes once, in whatever format."""

import gzip
import itertools
import json
import pathlib
import signal
import subprocess
import unittest

from crash.world import environment
from support.duckdb_file import DuckdbFile
from support.project import BINARY, Project, finish

PROJECT = "segment: 4KB\nconnections:\n  landing: {files: data}\n  goal: {duckdb: goal.duckdb}\n"
ROWS = 5000  # of each of three files


def lines(first, kind):
    """Rows of every width; each 250th is refused because its number is none."""
    for i in range(first, first + ROWS):
        n = "many" if i % 250 == 249 else str(i)
        text = "é" * (i % 40) + ('"\n' if i % 17 == 0 else "")
        if kind == "csv":
            yield f'{i},{n},"{text.replace(chr(34), chr(34) * 2)}"\n'
        else:
            yield json.dumps({"id": i, "n": n if n == "many" else i, "text": text}, ensure_ascii=False)


def content(first, kind):
    if kind == "csv":
        return ("id,n,text\n" + "".join(lines(first, kind))).encode()
    if kind == "array":
        return ("[" + ",\n".join(lines(first, kind)) + "]").encode()
    return "".join(line + "\n" for line in lines(first, kind)).encode()


class ResumeTest(unittest.TestCase):
    def resume(self, kind, name, pack=lambda data: data):
        with Project(PROJECT) as project:
            for at in range(3):
                project.write(f"data/part-{at}.{name}", pack(content(at * ROWS, kind)))
            project.job("copy", f'from: {{connection: landing, files: "*.{name}"'
                                f'{", format: json" if kind != "csv" else ""}, columns: {{n: bigint}}}}\n'
                                "to: {connection: goal, table: copied, load: append}\n")
            kept = []
            for place in itertools.count(1):
                noted = self.die_and_go_on(project, place)
                if noted is None:
                    break
                kept.append(noted)
            self.assertEqual(kept[0], 0, "killed at its first note, nothing is kept")
            self.assertEqual(kept, sorted(kept))
            # At most one segment is read again: the notes are no further apart than a batch of the engine.
            apart = [after - before for before, after in zip(kept, kept[1:])]
            self.assertLessEqual(max(apart), 2048 + ROWS // 250)
            self.assertEqual(kept[-1], 3 * ROWS)

    def die_and_go_on(self, project, place):
        """How many rows were not read again, after a kill at the `place`th durable write of a file; None past the last."""
        for path in ("goal.duckdb", ".tidemark"):
            subprocess.run(["rm", "-rf", project.dir / path], check=True)
        log = project.dir / "fired.log"
        log.unlink(missing_ok=True)
        died = finish(subprocess.Popen([str(BINARY), "run", "copy", "--json"], cwd=project.dir,
                                       stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                       env=environment(f"files.write@{place}=kill", log)))
        if not log.exists():
            self.assertEqual(died.code, 0, died.err)
            return None
        self.assertEqual(died.code, -signal.SIGKILL, died.err)
        journals = list(pathlib.Path(project.dir).rglob("journal.json"))
        noted = 0
        if journals:
            noted = json.loads(json.loads(journals[0].read_text())["manifest"])["rows_read"]
        done = project.call("run", "copy")
        self.assertEqual(done.code, 0, done.err)
        runs = project.call("runs", "copy", "--json").json
        shown = project.call("show", runs[-1]["run_id"], "--json").out
        self.assertIn(f"{noted:,} of them by a process that died" if noted else "rows read, stage sealed", shown)
        with DuckdbFile(project.dir / "goal.duckdb") as file:
            good = sum(1 for i in range(3 * ROWS) if i % 250 != 249)
            self.assertEqual(file.rows("select count(*), count(distinct id), sum(n) from copied"),
                             [[str(good), str(good), str(sum(i for i in range(3 * ROWS) if i % 250 != 249))]])
            self.assertEqual(file.rows("select count(*), count(distinct locator) from tidemark_quarantine"),
                             [[str(3 * ROWS - good)] * 2])
            wrong = file.rows("select count(*) from copied where text is distinct from "
                              "repeat('é', id % 40) || case when id % 17 = 0 then '\"' || chr(10) else '' end")
            self.assertEqual(wrong, [["0"]])
        self.assertEqual(list(pathlib.Path(project.dir).rglob("*.partial")), [])
        self.assertEqual(list(pathlib.Path(project.dir).rglob("journal.json")), [])
        return noted

    def test_csv(self):
        self.resume("csv", "csv")

    def test_packed_csv(self):
        self.resume("csv", "csv.gz", gzip.compress)

    def test_json_lines(self):
        self.resume("lines", "jsonl")

    def test_json_array(self):
        self.resume("array", "json")


if __name__ == "__main__":
    unittest.main()
