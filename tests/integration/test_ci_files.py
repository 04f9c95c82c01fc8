"""The action of GitHub and the template of GitLab: what their shells run, with inputs that nobody should trust."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from junit_rules import read_strictly
from made_results import made_check, made_results

from pytest_replication.results import write_results

yaml = pytest.importorskip("yaml")
ROOT = Path(__file__).parents[2]
ACTION = yaml.safe_load((ROOT / "action.yml").read_text())
STEPS: dict[str, Any] = {step["name"]: step for step in ACTION["runs"]["steps"]}
JOB = yaml.safe_load((ROOT / "ci" / "gitlab.yml").read_text())[".replication"]
EVIL = "a b'\"; touch pwned; $(touch pwned) `touch pwned` ${{ github.token }} * \\"
RECORDER = """#!{python}
import json, sys
with open("argv.json", "a") as file:
    file.write(json.dumps(sys.argv[1:]) + chr(10))
"""
pytestmark = pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash")


def run(
    script: str, folder: Path, env: dict[str, str], shell: tuple[str, ...]
) -> subprocess.CompletedProcess[str]:
    (folder / "script").write_text(script)
    return subprocess.run(
        [*shell, "script"], cwd=folder, env=env, capture_output=True, text=True, timeout=120
    )


BASH = ("bash", "--noprofile", "--norc", "-eo", "pipefail")
"""How the runner of GitHub calls it."""


def run_step(
    name: str, folder: Path, inputs: dict[str, str], path: Path | None = None, status: int = 1
) -> Any:
    """Run a step of the action as the runner does: expressions of its environment become values, no others."""
    defaults = {key: str(value.get("default", "")) for key, value in ACTION["inputs"].items()}
    values = {f"inputs.{key}": value for key, value in (defaults | inputs).items()}
    values |= {"github.action_path": str(ROOT), "steps.gate.outputs.status": str(status)}
    step = STEPS[name]
    held = {
        key: re.sub(r"\$\{\{ (\S+) \}\}", lambda found: values[found[1]], text)
        for key, text in step["env"].items()
    }
    search = os.pathsep.join(
        filter(None, (str(path or ""), str(Path(sys.executable).parent), os.environ["PATH"]))
    )
    own = {"PATH": search, "GITHUB_OUTPUT": str(folder / "output"), "RUNNER_TEMP": str(folder)}
    env = os.environ | held | own | {"PYTHONPATH": str(ROOT)}
    return run(step["run"], folder, env, BASH)


@pytest.fixture
def recorded(tmp_path: Path) -> Path:
    """A folder of programs that only write down how they are called."""
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "python").write_text(RECORDER.format(python=sys.executable))
    (folder / "python").chmod(0o755)
    return folder


def calls(folder: Path) -> list[list[str]]:
    return [json.loads(line) for line in (folder / "argv.json").read_text().splitlines()]


def test_no_input_is_text_of_a_script_and_actions_are_pinned() -> None:
    for step in STEPS.values():
        assert "${{" not in step.get("run", "")
        assert "run" not in step or step["shell"] == "bash"
        assert "uses" not in step or re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40}", step["uses"])
    told = " ".join(
        str(value) for step in STEPS.values() for value in (step.get("env"), step.get("with"), step.get("if"))
    )
    assert set(re.findall(r"inputs\.([\w-]+)", told)) == set(ACTION["inputs"])
    assert [key for key, value in ACTION["inputs"].items() if "default" not in value] == ["index"]


def test_the_workflow_of_this_repository_follows_its_own_advice() -> None:
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text())
    steps = [step for job in workflow["jobs"].values() for step in job["steps"]]
    used = [step["uses"] for step in steps if "uses" in step]
    assert all(use == "./" or re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40}", use) for use in used)
    own = [step for step in steps if step.get("uses") == "./"]
    assert len(own) == 2
    assert all(step["with"].keys() <= ACTION["inputs"].keys() for step in own)
    assert not any("${{" in step.get("run", "") for step in steps)


def test_hostile_inputs_are_single_arguments(tmp_path: Path, recorded: Path) -> None:
    inputs = dict.fromkeys(ACTION["inputs"], EVIL) | {
        "private": "true",
        "arguments": f"-q\n{EVIL}",
        "tests": "",
    }
    assert run_step("Run the gate", tmp_path, inputs, recorded).returncode == 0
    named = ("model", "samples", "prompts", "count", "threshold", "max-rate", "index-fingerprint")
    given = [f"--replication-{key}={EVIL}" for key in named]
    assert calls(tmp_path) == [
        [
            "-m", "pytest", f"--replication-index={EVIL}", f"--replication-report={EVIL}", *given,
            "--replication-report-private", "-q", EVIL, f"--replication-gate={EVIL}", "--ignore-glob=*",
        ]
    ]  # fmt: skip
    assert not (tmp_path / "pwned").exists()
    assert (tmp_path / "output").read_text() == "status=0\n"


def test_own_tests_take_the_place_of_ready_ones(tmp_path: Path, recorded: Path) -> None:
    assert (
        run_step(
            "Run the gate", tmp_path, {"index": "index", "tests": "tests/a.py\n--evil\n"}, recorded
        ).returncode
        == 0
    )
    assert calls(tmp_path)[0][2:] == [
        "--replication-index=index", "--replication-report=replication-report", "--replication-require-checks",
        "--", "tests/a.py", "--evil",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "inputs"), [("Install", {"extras": "weights]; evil"}), ("Run the gate", {"private": "yes"})]
)
def test_inputs_that_cannot_be(tmp_path: Path, recorded: Path, name: str, inputs: dict[str, str]) -> None:
    result = run_step(name, tmp_path, inputs, recorded)
    assert result.returncode == 2
    assert result.stdout.startswith("::error::the input ")
    assert not (tmp_path / "argv.json").exists()


def test_what_is_installed(tmp_path: Path, recorded: Path) -> None:
    for inputs in ({}, {"extras": "", "requirements": EVIL}):
        assert run_step("Install", tmp_path, inputs, recorded).returncode == 0
    pip = ["-m", "pip", "install", "--quiet"]
    assert calls(tmp_path) == [[*pip, f"{ROOT}[weights]"], [*pip, str(ROOT)], [*pip, "--requirement", EVIL]]


@pytest.mark.slow
def test_the_action_gates_a_folder_of_samples(tmp_path: Path, photos: Path, built_pixels: Path) -> None:
    (tmp_path / "test_own.py").write_text("def test_of_the_repository(): assert 0")
    inputs = {"index": str(built_pixels), "samples": str(photos / "training"), "threshold": "0.9"}
    result = run_step("Run the gate", tmp_path, inputs)
    assert result.returncode == 1, result.stdout + result.stderr
    assert "test_of_the_repository" not in result.stdout
    assert run_step("Write files of other tools", tmp_path, inputs).returncode == 0
    told = (tmp_path / "output").read_text().splitlines()
    assert told == ["status=1", "outcome=fail", "sarif=replication-report/replication.sarif"]
    report = tmp_path / "replication-report"
    read_strictly((report / "junit.xml").read_text())
    assert json.loads((report / "replication.sarif").read_text())["runs"][0]["results"]
    assert "copies training images" in (report / "model-card.md").read_text()


def test_without_results_the_outcome_is_an_error(tmp_path: Path, recorded: Path) -> None:
    result = run_step("Write files of other tools", tmp_path, {}, recorded, status=4)
    assert result.returncode == 0
    assert result.stdout.startswith("::error::pytest ended with exit status 4 before")
    assert (tmp_path / "output").read_text() == "outcome=error\n"


DERIVED = (
    "junit.xml",
    "replication.sarif",
    "code-quality.json",
    "model-card.md",
    "report.html",
    "summary.md",
)


@pytest.mark.parametrize("of", ["action", "gitlab"])
def test_what_an_earlier_run_left_is_gone_before_the_next_begins(
    tmp_path: Path, recorded: Path, of: str
) -> None:
    report = tmp_path / "replication-report"
    report.mkdir()
    write_results(report / "results.json", made_results(made_check(outcome="pass")).data)
    for name in (*DERIVED, "kept"):
        (report / name).write_text("stale")
    if of == "action":
        assert run_step("Run the gate", tmp_path, {"index": "index"}, recorded).returncode == 0
    else:
        variables = {key: str(value) for key, value in JOB["variables"].items()}
        env = os.environ | variables | {"PATH": f"{recorded}{os.pathsep}{os.environ['PATH']}"}
        assert run(JOB["script"][0], tmp_path, env, ("sh", "-e")).returncode == 0
    assert [path.name for path in report.iterdir()] == ["kept"]
    assert len(calls(tmp_path)) == 1


def test_a_file_of_somebody_else_is_left_to_be_refused(tmp_path: Path, recorded: Path) -> None:
    (tmp_path / "results.json").write_text("{}")
    assert run_step("Run the gate", tmp_path, {"report": "."}, recorded).returncode == 0
    assert (tmp_path / "results.json").exists()
    result = run_step("Run the gate", tmp_path, {"report": ""}, recorded)
    assert (result.returncode, result.stdout) == (2, "::error::the input report names a folder\n")


def test_a_status_that_the_results_do_not_tell_is_an_error(tmp_path: Path) -> None:
    report = tmp_path / "replication-report"
    report.mkdir()
    write_results(report / "results.json", made_results(made_check(outcome="pass"), exit_status=0).data)
    assert run_step("Write files of other tools", tmp_path, {}, status=3).returncode == 0
    assert (tmp_path / "output").read_text().splitlines()[0] == "outcome=error"
    assert len(list(read_strictly((report / "junit.xml").read_text()).iter("error"))) == 1


def test_a_private_log_names_nothing(tmp_path: Path) -> None:
    programs = tmp_path / "bin"
    programs.mkdir()
    data = made_results(made_check(test_file="t.py", test="t.py::test_a[secret]"), exit_status=1).data
    (programs / "python").write_text(f"""#!/bin/sh
if [ "$2" != pytest ]; then exec {sys.executable} "$@"; fi
echo secret; echo secret >&2
mkdir replication-report
cp data.json replication-report/results.json
exit 1
""")
    (programs / "python").chmod(0o755)
    (tmp_path / "t.py").write_text("")
    write_results(tmp_path / "data.json", data)
    steps = ("Run the gate", "Write files of other tools")
    gate, files = (run_step(name, tmp_path, {"private": "true"}, programs) for name in steps)
    log = gate.stdout + gate.stderr + files.stdout + files.stderr
    assert (gate.returncode, files.returncode) == (1, 0)
    assert "secret" not in log
    assert "outcome: fail" in log
    assert "::error file=t.py,line=1,title=" in log
    assert [path.read_text() for path in tmp_path.glob("replication-log-*")] == ["secret\nsecret\n"]


@pytest.mark.parametrize("shell", [("bash", "-eo", "pipefail"), ("sh", "-e")])
@pytest.mark.parametrize("tests", ["", f"tests/a.py\n{EVIL}"], ids=["ready", "own"])
def test_the_job_of_gitlab(tmp_path: Path, recorded: Path, shell: tuple[str, ...], tests: str) -> None:
    variables = {key: str(value) for key, value in JOB["variables"].items()}
    variables |= {
        "REPLICATION_PACKAGE": f"./{EVIL}[weights]",
        "REPLICATION_MODEL": EVIL,
        "REPLICATION_PROMPTS": EVIL,
        "REPLICATION_THRESHOLD": "0.9",
        "REPLICATION_MAX_RATE": "0.1",
        "REPLICATION_INDEX_FINGERPRINT": EVIL,
        "REPLICATION_PRIVATE": "true",
        "REPLICATION_ARGUMENTS": f"-q\nEND\n{EVIL}",
        "REPLICATION_TESTS": tests,
    }
    env = os.environ | variables | {"PATH": f"{recorded}{os.pathsep}{os.environ['PATH']}"}
    script = "\n".join([*JOB["before_script"], *JOB["script"]])
    assert run(script, tmp_path, env, shell).returncode == 0
    install, gate = calls(tmp_path)
    assert install == ["-m", "pip", "install", "--quiet", f"./{EVIL}[weights]"]
    rest = ["--replication-require-checks", "--", "tests/a.py", EVIL]
    assert gate == [
        "-m", "pytest", "--replication-index=index", "--replication-report=replication-report",
        f"--replication-model={EVIL}", f"--replication-prompts={EVIL}", "--replication-threshold=0.9",
        "--replication-max-rate=0.1", f"--replication-index-fingerprint={EVIL}",
        "--replication-report-private", "-q", "END", EVIL,
        *(rest if tests else ["--replication-gate=no_replication", "--ignore-glob=*"]),
    ]  # fmt: skip
    assert not (tmp_path / "pwned").exists()


@pytest.mark.parametrize("shell", [("bash", "-eo", "pipefail"), ("sh", "-e")])
@pytest.mark.parametrize(
    ("package", "taken"),
    [
        ("", False),
        ("pytest-replication", False),
        ("pytest-replication[weights]>=0.1", False),
        ("pytest-replication[weights]==0.1.0", True),
        ("../dist/pytest_replication-0.1.0-py3-none-any.whl[weights]", True),
        ("pytest-replication @ git+https://host.example/it@0123abc", True),
    ],
)
def test_the_job_of_gitlab_installs_nothing_by_its_name_alone(
    tmp_path: Path, recorded: Path, shell: tuple[str, ...], package: str, taken: bool
) -> None:
    variables = {key: str(value) for key, value in JOB["variables"].items()}
    assert variables["REPLICATION_PACKAGE"] == ""
    path = f"{recorded}{os.pathsep}{os.environ['PATH']}"
    env = os.environ | variables | {"PATH": path, "REPLICATION_PACKAGE": package}
    done = run("\n".join(JOB["before_script"]), tmp_path, env, shell)
    if taken:
        assert done.returncode == 0, done.stdout
        assert calls(tmp_path) == [["-m", "pip", "install", "--quiet", package]]
    else:
        assert (done.returncode, (tmp_path / "argv.json").exists()) == (2, False)
        assert f"REPLICATION_PACKAGE is '{package}'; expected what to install" in done.stdout


@pytest.mark.parametrize(("gate", "files", "expected"), [(0, 0, 0), (1, 0, 1), (1, 3, 1), (0, 3, 3)])
def test_a_red_gate_stays_red_and_files_that_cannot_be_written_are_no_pass(
    tmp_path: Path, gate: int, files: int, expected: int
) -> None:
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "python").write_text(
        f'#!/bin/sh\nif [ "$2" = pytest ]; then echo {{}} > replication-report/results.json; exit {gate}; fi\nexit {files}\n'
    )
    (programs / "python").chmod(0o755)
    (tmp_path / "replication-report").mkdir()
    variables = {key: str(value) for key, value in JOB["variables"].items()}
    env = os.environ | variables | {"PATH": f"{programs}{os.pathsep}{os.environ['PATH']}"}
    assert run(JOB["script"][0], tmp_path, env, ("bash", "-eo", "pipefail")).returncode == expected
