from __future__ import annotations

import re
from pathlib import Path

import pytest
from made_results import hostile_results, made_check, made_results

from pytest_replication import Samples, check_replication
from pytest_replication.reports.data import verdict_data
from pytest_replication.reports.details import details
from pytest_replication.reports.model_card import model_card
from pytest_replication.results import Results
from pytest_replication.results.assembled import assemble
from pytest_replication.surroundings import surrounded_by

SPAN = re.compile(r"`[^`\n]*`|<code>[^<>\n]*</code>")


def test_it_says_what_was_tested_and_what_not():
    told = model_card(made_results(made_check(outcome="pass", prompts_source="prompts.txt")))
    for expected in (
        "none of 256 samples replicates a training image.",
        "256 of `my_model:generate`, 256 of them distinct",
        "prompts",
        "| seeds | 0 to 255, 256 of them used |",
        "at most 3.4 % (95 % confidence",
        "0.5 (default of sscd)",
        "60,000 training images, all of them (exact); index fingerprint `" + "cd" * 32,
        "`sscd`, sscd-320, weights `efefefefefef`",
        "16 of 16 planted copies found in this check; 55 of 60 edited copies",
        "Measured 2026-11-29T12:00:00",
        "pytest-replication 0.1.0, commit `121212121212`",
        "### What this does not show",
        "samples were compared as a whole",
    ):
        assert expected in told


@pytest.mark.parametrize(
    ("results", "words"),
    [
        (made_results(made_check()), "The model copies training images"),
        (made_results(made_check(outcome="inconclusive")), "This is no pass"),
        (made_results(made_check(outcome="pass"), faults=["lost"]), "Nothing is known"),
        (made_results(), "Nothing was checked"),
        (made_results(made_check(rerun=True), made_check(2, "pass"), outcome="fail"), "The model copies"),
    ],
)
def test_what_did_not_pass_is_no_evidence(results, words):
    told = model_card(results)
    assert words in told.splitlines()[2]
    assert "check passed" not in told


@pytest.mark.parametrize("faults", [[], ["lost"]])
def test_a_run_without_checks_says_that_and_no_more(faults):
    lines = model_card(made_results(faults=faults)).splitlines()
    assert lines[2].startswith(
        "**Nothing was checked.** No sample of a model was compared with any training image"
    )
    assert ("* lost" in lines) is bool(faults)
    assert lines[-1].startswith("The run began 2026-11-29T12:00:00")
    told = "\n".join(lines)
    for odd in ("rate above", "positive control", "Measured", "###", "as a whole", "None"):
        assert odd not in told


def test_places_on_this_machine_are_not_told():
    check = made_check(
        outcome="pass",
        sample_source="/home/me/made of it/",
        prompts_source="/home/me/prompts.txt",
        model={
            "name": "diffusers:/home/me/release",
            "fingerprint": None,
            "options": ["lora=/home/me/a.safetensors"],
        },
    )
    check["index"] |= {"path": "/home/me/index", "embedder": "onnx:/home/me/net.onnx", "canaries": None}
    told = model_card(made_results(check))
    assert "/home" not in told
    for expected in (
        "256 of `made of it`",
        "prompts.txt",
        "| model | `diffusers:release`, `lora=a.safetensors` |",
        "`onnx:net.onnx`",
        "info index",
    ):
        assert expected in told
    relative = made_check(outcome="pass", sample_source="https://host/a", model={"name": "models/release"})
    told = model_card(made_results(relative))
    assert "`https://host/a`" in told
    assert "`models/release`" in told


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, "for such seeds."),
        ({"prompts_source": "prompts.txt"}, "for such prompts and seeds."),
        ({"seeds": None}, "for samples like these."),
    ],
)
def test_the_proof_is_about_prompts_and_seeds_that_are_there(changes, words):
    assert f"is proved, {words}" in model_card(made_results(made_check(outcome="pass", **changes)))


def test_copies_of_a_run_that_was_repeated_stay_on_the_card():
    told = model_card(made_results(made_check(rerun=True), made_check(2, "pass"), outcome="fail"))
    assert "FAIL: 3 of 256" in told


def test_no_control_and_approximate_engines_are_told():
    check = made_check(outcome="pass", search={"engine": "faiss-ivf", "recall": 0.999})
    check["control"] |= {"asked": 0}
    check["index"] |= {"rejected": 12}
    told = model_card(made_results(check))
    assert "none: nothing shows that copies would have been found" in told
    assert "by faiss-ivf with a recall above 99.9 %" in told
    assert "12 could not be read, and were not compared" in told


def test_a_real_check_is_told_as_it_was_made(pixels_index, picture):
    with surrounded_by(None):
        samples = Samples.of([picture(1), picture(2)], seeds=[41, 42])
        verdict = check_replication(samples, 0.99, index=pixels_index)
    row = verdict_data(verdict, neighbours=0) | details(verdict, pixels_index)
    told = model_card(
        Results(Path("x"), assemble([row | {"test": "t", "asserted": True}], made_results().run))
    )
    assert "| compared with | 20 training images, all of them (exact); index fingerprint" in told
    assert "| seeds | 41 to 42, 2 of them used |" in told


def test_rows_of_a_check_of_another_kind_have_names_of_their_own():
    def rows(**changes):
        told = model_card(made_results(made_check(message="", index={}, **changes)))
        return [line for line in told.splitlines() if line.startswith("| ") and "---" not in line][1:]

    cells = ["2 samples", "assert_no_leak", "a story"]
    told = rows(kind="set", story="a story", cells=cells, samples=2, sample_source="a folder")
    assert told == ["| samples | 2 of `a folder` |", "| assertion | assert_no_leak |"]
    cells = ["1 of 2 extracted", "closest 0.1", "rule"]
    told = rows(kind="extraction", cells=cells, sample_source=None)
    assert [row.split(" | ")[0] for row in told] == ["| extracted", "| closest", "| rule"]


def test_a_false_discovery_rate_proves_no_rate():
    told = model_card(made_results(made_check(outcome="pass", fdr=0.01, fdr_source="call")))
    assert "none is proved" in told
    assert "false discovery rate 0.01 (call)" in told


def test_hostile_text_is_no_markup():
    rest = SPAN.sub("", model_card(hostile_results()))
    assert not re.search(r"[`\[\]<>]|www\.|://|@[a-z]|\x1b|\x00", rest)
    rows = [line for line in rest.splitlines() if line.startswith("|")]
    assert {row.count("|") for row in rows} == {3}
