#!/usr/bin/env python3
"""Jobs that are put over the API: they stand in the store with their versions, are checked as files are, run like those
of files, and files win. The program is $TIDEMARK_BINARY, default build/dev/tidemark.
"""

import signal
import threading
import time
import unittest

from support.api_client import READ, ServedApi

MADE = READ.replace("NAME", "made")


class JobsTest(ServedApi):
    def setUp(self):
        super().setUp()
        self.job("orders")
        self.project.write("data/made-1.csv", "id\n1\n2\n3\n")
        self.serve()

    def put(self, name, text, role="editor", **headers):
        return self.ask("PUT", f"/v1/jobs/{name}", role, text.encode(), Content_Type="application/yaml", **headers)

    def new(self, name="made", text=MADE):
        answer = self.put(name, text, If_None_Match="*")
        self.assertEqual(201, answer.status, answer.body)
        return answer

    def command(self, *arguments):
        return self.project.call(*arguments)

    def test_it_is_served_and_runs(self):
        made = self.new()
        self.assertEqual("/v1/jobs/made", made.headers["Location"])
        self.assertEqual((1, MADE, "editor"), tuple(made.json[word] for word in ("version", "text", "by")))
        self.assertTrue(made.json["served"])
        job = self.get("/v1/jobs/made")
        self.assertEqual(("store", 1, MADE), (job["place"], job["version"], job["text"]))
        self.assertEqual(["made", "orders"], [job["job"] for job in self.get("/v1/jobs")["jobs"]])
        done = self.ended(self.begin("/v1/jobs/made/runs"))
        self.assertEqual(("done", 3), (done["state"], done["result"]["streams"][0]["rows_loaded"]))
        self.assertIn("job.put", [deed["what"] for deed in self.get("/v1/audit")["deeds"]])

    def test_a_job_reads_no_file_that_is_no_sql(self):
        self.project.write("secrets/password", "hunter2")
        for name in ("secrets/password", ".tidemark/secret.key", "tidemark.yaml"):
            refused = self.put("made", MADE + f"transform: [{{sql: {name}}}]\n", If_None_Match="*")
            self.assertEqual(422, refused.status, refused.body)
            self.assertIn(b"is not the name of a file with SQL", refused.body)
            self.assertNotIn(b"hunter2", refused.body)

    def test_nothing_is_edited_while_the_project_has_faults(self):
        self.new()
        good = (self.project.dir / "tidemark.yaml").read_text()
        self.project.write("tidemark.yaml", good + "workers: none\n")
        refused = self.put("made", "nonsense: true\n", If_Match='"v1"')
        self.assertEqual(422, refused.status, refused.body)
        self.assertIn(b"tidemark.yaml", refused.body)
        self.project.write("tidemark.yaml", good)
        self.assertEqual(1, self.get("/v1/jobs/made")["version"])

    def test_every_command_sees_it(self):
        self.new()
        self.stop(signal.SIGKILL)
        self.assertIn("ok: 2 jobs, 1 of them in the store", self.command("validate").out)
        self.assertEqual(0, self.command("plan", "made").code)
        ran = self.command("run", "made", "--json")
        self.assertEqual(("success", 3), (ran.json["status"], ran.json["streams"][0]["rows_loaded"]))
        self.assertEqual(MADE, self.command("job", "export", "made").out)
        self.serve()
        self.assertEqual("made", self.get("/v1/jobs/made")["last_run"]["job"])

    def test_an_edit_says_of_which_version_it_is(self):
        tag = self.new().headers["ETag"]
        edited = MADE + "enabled: false\n"
        for headers, status, code in (({}, 428, "api.no_if_match"), ({"If_None_Match": "*"}, 412, "user.job_changed"),
                                      ({"If_Match": '"v2"'}, 412, "user.job_changed"),
                                      ({"If_Match": "v1"}, 412, "user.job_changed"),
                                      ({"If_Match": tag, "If_None_Match": "*"}, 428, "api.no_if_match")):
            with self.subTest(headers):
                refused = self.put("made", edited, **headers)
                self.assertEqual((status, code), (refused.status, refused.code))
        answer = self.put("made", edited, If_Match=tag)
        self.assertEqual((200, 2, '"v2"'), (answer.status, answer.json["version"], answer.headers["ETag"]))
        # The tag of the whole job serves as well.
        job = self.ask("GET", "/v1/jobs/made")
        self.assertFalse(job.json["enabled"])
        self.assertEqual(304, self.ask("GET", "/v1/jobs/made", If_None_Match=job.headers["ETag"]).status)
        answer = self.put("made", MADE, If_Match=job.headers["ETag"])
        self.assertEqual((200, 3), (answer.status, answer.json["version"]))
        listed = self.get("/v1/jobs/made/versions")["versions"]
        self.assertEqual([3, 2, 1], [one["version"] for one in listed])
        self.assertEqual(edited, self.get("/v1/jobs/made/versions/2")["text"])
        self.assertEqual((404, "user.no_version"), self.refusal("GET", "/v1/jobs/made/versions/4"))
        self.assertEqual((404, "user.no_version"), self.refusal("GET", "/v1/jobs/made/versions/01x"))

    def refusal(self, method, path, role="admin", body=None, **headers):
        answer = self.ask(method, path, role, body, **headers)
        return answer.status, answer.code

    def test_of_many_at_a_time_one_edits(self):
        self.new()
        found = []

        def edit(at):
            found.append(self.put("made", MADE + f"description: number {at}\n", If_Match='"v1"').status)

        threads = [threading.Thread(target=edit, args=(at,)) for at in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual([200] + [412] * 5, sorted(found))

    def test_faults_are_told_by_their_places_and_nothing_is_stored(self):
        bad = self.put("made", "from: {connection: nobody, table: t}\nto: {connection: warehouse, tabel: x}\n",
                       If_None_Match="*")
        self.assertEqual((422, "user.job_faults"), (bad.status, bad.code))
        faults = [(fault["file"], fault["line"], fault["column"]) for fault in bad.json["faults"]]
        self.assertIn(("store:made", 1, 20), faults)
        self.assertIn(("store:made", 2, 29), faults)
        self.assertEqual((404, "user.no_job"), self.refusal("GET", "/v1/jobs/made"))
        self.assertEqual((404, "user.no_job"), self.refusal("GET", "/v1/jobs/made/versions"))
        for text in ("", "a: [", "\0", "just words"):
            with self.subTest(text):
                self.assertIn(self.put("made", text, If_None_Match="*").status, (400, 422))
        self.assertEqual((400, "api.bad_body"), self.refusal("PUT", "/v1/jobs/made", body=b"\xff",
                                                             Content_Type="application/yaml", If_None_Match="*"))
        self.assertEqual(422, self.put("no%20name", MADE, If_None_Match="*").status)
        # Two jobs together may be at fault: who comes second is refused.
        self.new()
        after = READ.replace("NAME", "late") + "after: made\n"
        self.new("late", after)
        gone = self.ask("DELETE", "/v1/jobs/made", "editor", If_Match='"v1"')
        self.assertEqual((422, "user.job_faults"), (gone.status, gone.code))
        self.assertEqual("store:late", gone.json["faults"][0]["file"])

    def test_what_was_wrong_before_does_not_hinder(self):
        self.project.write("jobs/broken.yaml", "from: nothing\n")
        self.assertFalse(self.new().json["served"])  # until the file is mended
        self.assertEqual(2, self.command("validate").code)
        self.assertEqual(1, self.get("/v1/jobs/made/versions")["versions"][0]["version"])

    def test_files_win(self):
        refused = self.put("orders", MADE, If_None_Match="*")
        self.assertEqual((409, "user.job_in_file"), (refused.status, refused.code))
        self.assertIn("jobs/orders.yaml", refused.json["detail"])
        self.assertEqual((409, "user.job_in_file"), self.refusal("DELETE", "/v1/jobs/orders", If_Match='"v1"'))
        self.new()
        # Out of the store, into a file.
        exported = self.command("job", "export", "made")
        self.project.job("made", exported.out + "description: of the file\n")
        self.assertEqual((409, "user.job_in_file"), self.refusal("DELETE", "/v1/jobs/made", If_Match='"v1"'))
        removed = self.command("job", "remove", "made", "--json")
        self.assertEqual(({"job": "made", "version": 1}, 0), (removed.json, removed.code))
        self.assertEqual("jobs/made.yaml", self.command("job", "export", "made", "--json").json["place"])
        self.assertEqual(2, self.command("job", "remove", "made").code)

    def test_who_is_taken_out_runs_no_more_and_can_come_back(self):
        self.new()
        self.assertEqual((428, "api.no_if_match"), self.refusal("DELETE", "/v1/jobs/made", If_None_Match="*"))
        self.assertEqual((412, "user.job_changed"), self.refusal("DELETE", "/v1/jobs/made", If_Match='"v7"'))
        gone = self.ask("DELETE", "/v1/jobs/made", "editor", If_Match='"v1"')
        self.assertEqual(200, gone.status, gone.body)
        self.assertEqual((2, None, True), tuple(gone.json[word] for word in ("version", "text", "served")))
        self.assertEqual((404, "user.no_job"), self.refusal("GET", "/v1/jobs/made"))
        self.assertEqual((404, "user.no_job"), self.refusal("DELETE", "/v1/jobs/made", If_Match='"v1"'))
        self.assertEqual([True, False], [one["is_out"] for one in self.get("/v1/jobs/made/versions")["versions"]])
        self.assertIsNone(self.get("/v1/jobs/made/versions/2")["text"])
        self.assertEqual(3, self.put("made", MADE, If_None_Match="*").json["version"])

    def test_who_may(self):
        for role in ("viewer", "operator"):
            self.assertEqual((403, "access.role"), self.refusal("PUT", "/v1/jobs/made", role, {"text": MADE},
                                                                If_None_Match="*"))
        self.token("some", "editor", "sales_*")
        deadline = time.monotonic() + 30
        while self.ask("GET", "/v1/me", "some").status == 401:  # a new token is seen within two seconds
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.2)
        self.assertEqual((404, "user.no_job"), self.refusal("PUT", "/v1/jobs/made", "some", {"text": MADE},
                                                            If_None_Match="*"))


if __name__ == "__main__":
    unittest.main()
