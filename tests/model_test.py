#!/usr/bin/env python3
"""Holds the model in docs/model/ against the program: the states and transitions of both are the same, but for those
that docs/model/left_out.txt names with a reason. What the model shows is checked by spin, see tools/model.
"""

import importlib.machinery
import importlib.util
import pathlib
import re
import unittest

from support.run_events import read_states

ROOT = pathlib.Path(__file__).resolve().parent.parent
MODEL = (ROOT / "docs/model/run.pml").read_text(encoding="utf-8")
README = (ROOT / "docs/model/README.md").read_text(encoding="utf-8")
LEFT_OUT = (ROOT / "docs/model/left_out.txt").read_text(encoding="utf-8")
# A definition names its parameters `from` and `to`; every use names two states.
USE = re.compile(r"\b(?:step|step_with_stage|step_with_window|finish)\((\w+), (\w+)\)")


def transitions_of_model():
    return {pair for pair in USE.findall(MODEL) if pair != ("from", "to")}


def transitions_of_program():
    return {(before, after) for before, following in read_states().successors.items() for after in following}


def left_out():
    """(from, to, reason) of every line."""
    lines = [line for line in LEFT_OUT.splitlines() if line and not line.startswith("#")]
    return [re.fullmatch(r"(\w+|\*) -> (\w+|\*)\s{2,}(\S.*)", line).groups() for line in lines]


def covers(rule, pair):
    return all(word in ("*", state) for word, state in zip(rule, pair))


def load_tool():
    loader = importlib.machinery.SourceFileLoader("model_tool", str(ROOT / "tools/model"))
    spec = importlib.util.spec_from_loader("model_tool", loader)
    module = importlib.util.module_from_spec(spec)
    loader.exec_module(module)
    return module


class Model(unittest.TestCase):
    def test_its_states_are_the_programs(self):
        words = re.search(r"mtype = \{ (planned.*?) \};", MODEL, re.S)[1]
        states = set(re.findall(r"\w+", words))
        self.assertEqual(states - set(read_states().successors), set())
        self.assertEqual(states, {state for pair in transitions_of_model() for state in pair})

    def test_it_takes_no_step_that_the_program_cannot(self):
        self.assertGreater(len(transitions_of_model()), 15)
        self.assertEqual(transitions_of_model() - transitions_of_program(), set())

    def test_what_it_leaves_out_is_named_with_a_reason(self):
        missing = transitions_of_program() - transitions_of_model()
        rules = left_out()
        self.assertEqual({pair for pair in missing if not any(covers(rule, pair) for rule in rules)}, set())
        for rule in rules:
            with self.subTest(rule=rule):
                self.assertTrue(any(covers(rule, pair) for pair in missing), "it names nothing that is left out")
                self.assertFalse([pair for pair in transitions_of_model() if covers(rule, pair)], "the model has it")

    def test_every_protection_has_a_mutant(self):
        sizes = ("ROWS", "LOSES", "TOKENS", "DROP")
        switches = {name: int(value) for name, value in re.findall(r"^#define ([A-Z_]+) (\d+) +/\*", MODEL, re.M)
                    if name not in sizes}
        self.assertEqual(sorted(switches.values()), [1 << bit for bit in range(len(switches))])
        tool = load_tool()
        broken = {check.name for check in tool.MUTANTS}
        harmless = {check.name for check in tool.HARMLESS}
        self.assertEqual(set(switches) - broken - harmless, set())
        self.assertEqual({name for name in broken | harmless if name.isupper()} - set(switches), set())
        for check in tool.MUTANTS:
            self.assertRegex(check.expect, r"^I\d$")
            if check.name.isupper():
                self.assertIn(f"| `{check.name}` | {check.expect} |", README)
        for name in harmless:
            self.assertIn(f"`{name}`" if name.isupper() else "compare-and-set on `seq` alone", README)

    def test_every_invariant_is_asserted(self):
        for number in range(1, 9):
            self.assertRegex(MODEL, rf"assert\(.*?/\* I{number} \*/", f"I{number}")
            self.assertIn(f"| I{number} |", README)

    def test_every_invariant_can_break(self):
        broken = {check.expect for check in load_tool().MUTANTS}
        self.assertEqual(broken, {f"I{number}" for number in range(1, 9)})


if __name__ == "__main__":
    unittest.main()
