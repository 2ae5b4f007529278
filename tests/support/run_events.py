"""Replays the history of every run in a store against the table of states, and against what the target has.

`check_store(path, states, loads)` gives one line for each fault; none when every run went only where the table lets it
go, one step at a time, and says of itself what the target's ledger says.
"""

import contextlib
import dataclasses
import pathlib
import re
import sqlite3

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
STATES_PAGE = ROOT / "docs" / "reference" / "run-states.md"
ROW = re.compile(r"^\| `(\w+)` \| (\w+) \| (.*) \|$", re.M)
TAKEN_OVER = re.compile(r"taken over at (\w+), version (\d+), fence (\d+)")
# What etl_runs.status says of each status; it has four words only.
STORED_STATUS = {"blocked": "failed", "cancelled": "failed"}


@dataclasses.dataclass(frozen=True)
class States:
    successors: dict  # state -> set of states
    status: dict      # state -> word of --json
    rank: dict        # state -> 0 for the worst, and up

    def is_final(self, state):
        return not self.successors[state]

    def worst(self, states):
        return min(states, key=self.rank.__getitem__)


@dataclasses.dataclass(frozen=True)
class Load:
    """One row of tidemark_loads in the target."""
    job: str
    stream: str
    kind: str
    seq: int
    run_id: str


def read_states(page=STATES_PAGE):
    """The table that the program writes from its code; tests/reference_test.py keeps the page true."""
    rows = ROW.findall(pathlib.Path(page).read_text(encoding="utf-8"))
    if not rows:
        raise ValueError(f"{page} has no table of states")
    return States({state: set(re.findall(r"`(\w+)`", after)) for state, _, after in rows},
                  {state: status for state, status, _ in rows},
                  {row[0]: rank for rank, row in enumerate(rows)})


def check_store(path, states, loads):
    """`loads`: what the target's ledger has, as `Load`s, of every job of this store; None when it is not known."""
    with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as store:
        store.row_factory = sqlite3.Row
        faults = []
        runs = store.execute("select r.*, j.name as job from etl_runs r join etl_jobs j using (job_id) "
                             "order by run_start, run_id").fetchall()
        histories = [_History(store, run, states, faults) for run in runs]
        for history in histories:
            history.check()
        if loads is not None:
            _check_loads(histories, list(loads), faults)
        _check_seqs(histories, faults)
        _check_leases(store, faults)
    return faults


class _Stream:
    """One stream of one run, as its events tell it."""

    def __init__(self, row):
        self.row = row
        self.name = row["stream"]
        self.state = None
        self.version = 0
        self.fence = None        # as the last take-over said
        self.committed = None    # the message of the event


class _History:
    def __init__(self, store, run, states, faults):
        self.run, self.states, self.faults = run, states, faults
        self.events = store.execute("select * from run_events where run_id = ? order by number",
                                    [run["run_id"]]).fetchall()
        self.streams = {row["stream"]: _Stream(row) for row in store.execute(
            "select * from etl_run_streams where run_id = ? order by stream", [run["run_id"]])}

    def fault(self, text, event=None):
        place = f" event {event['number']}" if event is not None else ""
        self.faults.append(f"run {self.run['run_id']}{place}: {text}")

    def check(self):
        ends = []
        for position, event in enumerate(self.events):
            if event["number"] != position + 1:
                self.fault(f"the events are not numbered one by one: {event['number']} after {position}", event)
                return
            if ends:
                self.fault("an event after the run's end", event)
            if event["stream"] == "":
                self._run_event(event, position, ends)
            else:
                self._stream_event(event)
        if not self.events:
            self.fault("a run without an event")
        for stream in self.streams.values():
            self._check_stream(stream)
        self._check_end(ends)

    def _run_event(self, event, position, ends):
        to = event["state_to"]
        if event["state_from"] is not None:
            self.fault(f"a run as a whole goes from {event['state_from']}", event)
        if to not in self.states.successors:
            self.fault(f"{to} is no state", event)
        elif position == 0:
            if to not in ("claimed", "planned"):
                self.fault(f"a run begins as {to}", event)
        elif not self.states.is_final(to):
            self.fault(f"a run ends as {to}", event)
        else:
            ends.append(event)

    def _stream_event(self, event):
        stream = self.streams.get(event["stream"])
        if stream is None:
            self.fault(f"the store has no stream {event['stream']} of this run", event)
            return
        if event["state_to"] is None:
            self._note(stream, event)
            return
        before, to = event["state_from"], event["state_to"]
        if stream.state is None:
            if before is not None or to != "planned":
                self.fault(f"{stream.name} begins by {before} -> {to}", event)
        elif before != stream.state:
            self.fault(f"{stream.name} goes from {before}, but it was {stream.state}", event)
        elif to not in self.states.successors.get(before, ()):
            self.fault(f"{stream.name} goes from {before} to {to}, which the table does not allow", event)
        if to == "done" and stream.committed is None:
            self.fault(f"{stream.name} is done and was never committed", event)
        if to == "committed":
            stream.committed = event["message"]
        stream.state, stream.version = to, stream.version + 1

    def _note(self, stream, event):
        taken = TAKEN_OVER.search(event["message"])
        if not taken:
            return
        state, version, fence = taken[1], int(taken[2]), int(taken[3])
        stream.version += 1
        if stream.state is None or self.states.is_final(stream.state):
            self.fault(f"{stream.name} is taken over and was {stream.state}", event)
        if state != stream.state:
            self.fault(f"{stream.name} is taken over at {state}, but it was {stream.state}", event)
        if version != stream.version:
            self.fault(f"{stream.name} is taken over at version {version}, but it was the {stream.version}th", event)
            stream.version = version
        if stream.fence is not None and fence <= stream.fence:
            self.fault(f"{stream.name} is taken over with fence {fence}, but it had {stream.fence}", event)
        stream.fence = fence

    def _check_stream(self, stream):
        row = stream.row
        if stream.state is None:
            self.fault(f"{stream.name} has no event")
            return
        if row["state"] != stream.state:
            self.fault(f"{stream.name} is {row['state']} in the store, {stream.state} by its events")
        if row["version"] != stream.version:
            self.fault(f"{stream.name} has version {row['version']} in the store, {stream.version} by its events")
        if stream.fence is not None and row["fence"] != stream.fence:
            self.fault(f"{stream.name} has fence {row['fence']} in the store, {stream.fence} by its events")
        if (row["ended_at"] is not None) != self.states.is_final(row["state"]):
            self.fault(f"{stream.name} is {row['state']} and ended_at is {row['ended_at']}")
        if row["state"] in ("committed", "done") and row["rows_loaded"] != row["rows_good"]:
            self.fault(f"{stream.name} loaded {row['rows_loaded']} of {row['rows_good']} good rows")

    def _check_end(self, ends):
        run, found = self.run, [stream.row["state"] for stream in self.streams.values()]
        worst = self.states.worst(found) if found else None
        if (run["run_end"] is not None) != bool(ends):
            self.fault(f"run_end is {run['run_end']}, and {'an' if ends else 'no'} event says so")
        if not ends:
            if run["status"] != "running":
                self.fault(f"an open run has status {run['status']}")
            if worst is not None and run["state"] != worst:
                self.fault(f"the run is {run['state']}, the worst of its streams {worst}")
            return
        outcome = ends[-1]["state_to"]
        for stream in self.streams.values():
            if not self.states.is_final(stream.row["state"]):
                self.fault(f"it has ended, and {stream.name} is {stream.row['state']}")
        if worst is not None and outcome != worst:
            self.fault(f"it ended as {outcome}, the worst of its streams is {worst}")
        if run["state"] != outcome:
            self.fault(f"it is {run['state']} in the store, {outcome} by its last event")
        status = self.states.status[outcome]
        if run["status"] != STORED_STATUS.get(status, status):
            self.fault(f"it ended as {outcome}, and its status is {run['status']}")


def _check_loads(histories, loads, faults):
    """What is committed is in the ledger, and what is in the ledger is not said to have failed."""
    for history in histories:
        run = history.run
        for stream in history.streams.values():
            seq = stream.row["seq"]
            of_stream = [load for load in loads if (load.job, load.stream) == (run["job"], stream.name)]
            own = [load for load in of_stream if load.run_id == run["run_id"] and load.seq == seq]
            same = [load for load in of_stream if load.seq == seq and load.kind in ("window", "replay")]
            if stream.committed is not None:
                # Another run may have loaded the very same window; then it was found, not loaded.
                if not own and not (stream.committed == "found in the ledger" and same):
                    history.fault(f"{stream.name} is committed, and the ledger has no load of it as window {seq}")
            elif own and history.run["run_end"] is not None:
                history.fault(f"the ledger has its load of {stream.name}, and it ended as {stream.row['state']}")
    known = {history.run["run_id"] for history in histories}
    for load in loads:
        if load.run_id not in known:
            faults.append(f"the ledger has window {load.seq} of {load.job}/{load.stream} by run {load.run_id}, "
                          "which the store does not know")


def _check_seqs(histories, faults):
    """No two runs load one window; a replay loads one again, and a load that is found is loaded by another."""
    loaded = {}
    for history in histories:
        if history.run["kind"] == "replay":
            continue
        for stream in history.streams.values():
            if stream.committed is None or stream.committed == "found in the ledger":
                continue
            key = (history.run["job"], stream.name, stream.row["seq"])
            if key in loaded:
                faults.append(f"runs {loaded[key]} and {history.run['run_id']} both loaded window {key[2]} "
                              f"of {key[0]}/{key[1]}")
            loaded[key] = history.run["run_id"]


def _check_leases(store, faults):
    for lease in store.execute("select l.run_id, r.run_end from etl_leases l join etl_runs r using (run_id) "
                               "where l.expires_at is not null and r.run_end is not null"):
        faults.append(f"run {lease['run_id']} has ended and still holds the lease of its job")
