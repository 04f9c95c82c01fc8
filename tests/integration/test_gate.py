"""The gate as users meet it: outcomes, messages, settings, fixtures, with and without xdist."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from pytest_replication import make_engine, open_index, remove_images
from pytest_replication.index.imported import ImportOptions, import_index

from .conftest import FAILING, MODEL, PASSING, RunSuite

BOTH = PASSING + FAILING


def test_unrelated_images_pass_and_copies_fail(run_suite: RunSuite, plugin_args: tuple[str, ...]) -> None:
    result = run_suite(BOTH, *plugin_args)
    result.assert_outcomes(passed=1, failed=1)
    assert result.ret == 1
    result.stdout.fnmatch_lines(
        [
            "E*ReplicationDetected: 20 of 20 samples replicate training images (worst score 1.000, threshold 0.9)",
            "*1.000 (next *)  sample    photos/training/astronaut.jpg",
            "*training  *photos/training/astronaut.jpg (RMSE 0.000, *",
            "*rule       score >= 0.9 (call); max rate 0 % (default)",
            "*= replication =*",
            "FAIL*::test_copies * 20 of 20 replicated *",
            "PASS*::test_unrelated * 0 of 11 replicated *",
            "index *: 20 training images, pixels",
            "FAILED *::test_copies*",
        ]
    )


def test_the_failure_shows_the_users_line_and_nothing_of_ours(run_suite: RunSuite) -> None:
    result = run_suite(FAILING)
    result.stdout.fnmatch_lines(['>       assert_no_replication("photos/training", threshold=0.9)'])
    result.stdout.no_fnmatch_line("*assertions.py*")
    result.stdout.no_fnmatch_line("*check.py*")


def test_an_error_shows_the_users_line_and_nothing_of_ours(run_suite: RunSuite, tmp_path: Path) -> None:
    result = run_suite(PASSING, index=tmp_path)
    result.stdout.fnmatch_lines(["E*IndexNotFound: there is no index at *"])
    result.stdout.no_fnmatch_line("*manifest_file.py*")
    result.stdout.no_fnmatch_line("*direct cause*")
    full = run_suite(PASSING, "--full-trace", index=tmp_path)
    full.stdout.fnmatch_lines(["*manifest_file.py*"])


def test_the_imported_assertion_finds_the_index_by_itself(run_suite: RunSuite) -> None:
    result = run_suite(
        """
        from pytest_replication import assert_no_replication, check_replication

        def test_imported():
            assert check_replication("photos/training", 0.9).outcome == "fail"
            assert_no_replication("photos/unrelated", 0.9)
        """
    )
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["FAIL (measured only) *", "PASS *"])


def test_a_check_in_a_thread_of_its_own_says_that_it_lost_the_run(run_suite: RunSuite) -> None:
    result = run_suite(
        """
        from concurrent.futures import ThreadPoolExecutor
        from pytest_replication import assert_no_replication

        def test_thread():
            with ThreadPoolExecutor() as pool:
                pool.submit(assert_no_replication, "photos/unrelated", 0.9).result()
        """
    )
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*in another thread of one*"])


def test_inconclusive_is_an_error_and_not_a_failure(run_suite: RunSuite) -> None:
    result = run_suite(
        """
        def test_claim(assert_no_replication):
            assert_no_replication("photos/unrelated", threshold=0.9, max_rate=0.1)
        """
    )
    result.assert_outcomes(errors=1)
    assert result.ret == 1
    result.stdout.fnmatch_lines(["*about 29 samples*", "INCONCLUSIVE *", "ERROR *::test_claim*"])


@pytest.mark.parametrize(
    ("marker", "args", "ini", "expected"),
    [
        ("", (), "", "0.5 (ini file)"),
        ("", ("--replication-threshold=0.6",), "", "0.6 (command line)"),
        ("@pytest.mark.replication(threshold=0.7)", ("--replication-threshold=0.6",), "", "0.7 (marker)"),
    ],
    ids=["ini", "command line", "marker"],
)
def test_the_nearer_setting_wins_and_is_named(
    run_suite: RunSuite,
    pytester: pytest.Pytester,
    marker: str,
    args: tuple[str, ...],
    ini: str,
    expected: str,
) -> None:
    pytester.makeini("[pytest]\nreplication_threshold = 0.5\nreplication_max_rate = 0.25\n")
    result = run_suite(
        f"""
        import pytest

        {marker}
        def test_it(check_replication):
            policy = check_replication("photos/unrelated").policy
            print(f"{{policy.threshold}} ({{policy.threshold_source}}), {{policy.max_rate}} ({{policy.max_rate_source}})")
            print(check_replication("photos/unrelated", 0.8, max_rate=0).policy)
        """,
        "-s",
        *args,
    )
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(
        [
            f"*{expected}, 0.25 (ini file)",
            "*threshold=0.8, threshold_source='call', max_rate=0.0, max_rate_source='call'*",
        ]
    )


def test_without_any_threshold_pixels_is_an_error(run_suite: RunSuite) -> None:
    result = run_suite(
        """
        def test_it(assert_no_replication):
            assert_no_replication("photos/unrelated")
        """
    )
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(
        ["*ThresholdMissing: no threshold: the embedder pixels*--replication-threshold*"]
    )


def test_ini_paths_are_relative_to_the_ini_file(
    run_suite: RunSuite, pytester: pytest.Pytester, built_pixels: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (pytester.path / "my-index").symlink_to(built_pixels)
    pytester.makeini("[pytest]\nreplication_index = my-index\n")
    (pytester.path / "elsewhere").mkdir()
    pytester.makepyfile(PASSING.replace("photos/", str(pytester.path) + "/photos/"))
    monkeypatch.chdir(pytester.path / "elsewhere")
    result = pytester.runpytest_inprocess(
        "--rootdir", str(pytester.path), "-c", str(pytester.path / "tox.ini"), str(pytester.path)
    )
    result.assert_outcomes(passed=1)


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (("--replication-threshold=half",), "argument --replication-threshold: 'half' is not a number"),
        (("--replication-count=0",), "argument --replication-count: '0' is below 1"),
        (("--replication-missing=ignore",), "*'ignore' is neither error nor skip"),
        (("--replication-max-rate=nan",), "*'nan' is not finite"),
    ],
)
def test_a_bad_option_is_one_sentence_and_exit_4(
    run_suite: RunSuite, args: tuple[str, ...], message: str
) -> None:
    result = run_suite(PASSING, *args)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"*{message}"])


def test_a_bad_ini_value_is_one_sentence_and_exit_4(run_suite: RunSuite, pytester: pytest.Pytester) -> None:
    pytester.makeini("[pytest]\nreplication_threshold = half\n")
    result = run_suite(PASSING)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["ERROR: ini key replication_threshold: 'half' is not a number"])


EMPTY = {
    "tox.ini": "[pytest]\nreplication_require_checks =\n",
    "pyproject.toml": '[tool.pytest.ini_options]\nreplication_require_checks = ""\n',
}


@pytest.mark.parametrize("name", [*EMPTY, "-o"])
def test_an_ini_key_without_a_value_is_one_sentence_and_exit_4(
    run_suite: RunSuite, pytester: pytest.Pytester, name: str
) -> None:
    if name in EMPTY:
        (pytester.path / name).write_text(EMPTY[name])
    result = run_suite(PASSING, *(() if name in EMPTY else ("-o", "replication_require_checks=")))
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["ERROR: ini key replication_require_checks is empty, as a variable *"])
    assert run_suite(PASSING, "-o", "replication_require_checks=true").ret == pytest.ExitCode.OK


def test_an_empty_list_of_options_is_none(run_suite: RunSuite, pytester: pytest.Pytester) -> None:
    pytester.makeini("[pytest]\nreplication_model_option =\n")
    run_suite(PASSING).assert_outcomes(passed=1)


@pytest.mark.parametrize(
    ("key", "said"),
    [
        ("replication_treshold", "did you mean replication_threshold"),
        ("replication-max-rate", "did you mean replication_max_rate"),
        ("replication_xyz", "known are replication_index, "),
    ],
)
@pytest.mark.parametrize("where", ["ini", "option"])
def test_a_misspelled_ini_key_is_one_sentence_and_exit_4(
    run_suite: RunSuite, pytester: pytest.Pytester, key: str, said: str, where: str
) -> None:
    if where == "ini":
        pytester.makeini(f"[pytest]\n{key} = 0.5\n")
    result = run_suite(PASSING, *(() if where == "ini" else ("-o", f"{key}=0.5")))
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"ERROR: there is no ini key {key}: {said}*"])


@pytest.mark.parametrize(
    ("option", "said"),
    [
        (
            "--replication-treshold=0.5",
            "ERROR: there is no option --replication-treshold: did you mean --*-threshold",
        ),
        ("--replication-xyz", "*unrecognized arguments: --replication-xyz*"),
    ],
)
def test_a_misspelled_option_is_one_sentence_and_exit_4(run_suite: RunSuite, option: str, said: str) -> None:
    result = run_suite(PASSING, option)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([said])


def test_ini_keys_of_others_are_not_ours_to_judge(run_suite: RunSuite, pytester: pytest.Pytester) -> None:
    pytester.makeini("[pytest]\nreplications = 3\nreplication_of_others = 4\n")
    pytester.makeconftest("def pytest_addoption(parser): parser.addini('replication_of_others', 'x')")
    run_suite(PASSING).assert_outcomes(passed=1)


@pytest.mark.parametrize("value", ["2", "50", "-1"])
def test_a_threshold_that_could_never_decide_is_an_error(run_suite: RunSuite, value: str) -> None:
    result = run_suite(
        """
        def test_it(assert_no_replication):
            assert_no_replication("photos/unrelated")
        """,
        f"--replication-threshold={value}",
    )
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*is no score: give a number above -1 and at most 1"])


@pytest.mark.parametrize(
    "marker",
    [
        "replication(0.5)",
        "replication(treshold=0.5)",
        "replication(threshold='high')",
        "replication(count=0)",
    ],
)
def test_a_marker_that_cannot_be_understood_is_an_error(run_suite: RunSuite, marker: str) -> None:
    result = run_suite(
        f"""
        import pytest

        @pytest.mark.{marker}
        def test_it():
            pass
        """
    )
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*SettingsError: the marker replication of *::test_it has *"])


WITH_MODEL = """
    import pytest

    def test_fixture(replication_samples, assert_no_replication, replication_settings):
        assert len(replication_samples) == 20
        assert replication_samples.seeds[0] == replication_settings["seed"].value == 5
        assert_no_replication(replication_samples, threshold=0.9)

    @pytest.mark.replication(count=4, seed=70)
    def test_marker(replication_samples, replication_model):
        assert replication_samples.seeds == (70, 71, 72, 73)
        assert len(replication_model.sample(3, seed=0)) == 3

    def test_once(replication_samples, replication_index):
        import toy_release
        assert toy_release.calls.count(20) == 1
        assert replication_index.rows == 20
"""


@pytest.mark.parametrize(("model", "failed"), [("unrelated", 0), ("copying", 1)])
def test_a_model_is_sampled_once_and_judged(
    run_suite: RunSuite, pytester: pytest.Pytester, model: str, failed: int
) -> None:
    pytester.makepyfile(toy_release=MODEL)
    pytester.makeini("[pytest]\npythonpath = .\n")
    result = run_suite(
        WITH_MODEL,
        f"--replication-model=toy_release:{model}",
        "--replication-count=20",
        "--replication-seed=5",
    )
    result.assert_outcomes(passed=3 - failed, failed=failed)
    if failed:
        result.stdout.fnmatch_lines(
            ["*1.000 (next *)  sample    sample 19 (seed 24)", "*training  *cat.jpg*"]
        )


@pytest.mark.parametrize("option", ["--replication-samples", "--replication-model"])
@pytest.mark.parametrize(("count", "expected"), [((), 11), (("--replication-count=4",), 4)])
def test_a_folder_stands_in_for_a_model(
    run_suite: RunSuite, option: str, count: tuple[str, ...], expected: int
) -> None:
    result = run_suite(
        f"""
        def test_it(replication_samples, replication_model):
            assert len(replication_samples) == {expected}
            assert "unrelated" in replication_model.name
        """,
        f"{option}=photos/unrelated",
        *count,
    )
    result.assert_outcomes(passed=1)


def test_without_a_model_the_fixture_says_how_to_name_one(run_suite: RunSuite) -> None:
    result = run_suite("def test_it(replication_samples): pass")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*SettingsError: there is no model under test: give --replication-model=*"])


def test_the_header_is_one_line_of_what_was_set(run_suite: RunSuite, built_pixels: Path) -> None:
    result = run_suite(PASSING, "--replication-threshold=0.8")
    result.stdout.fnmatch_lines(
        [f"replication: index={built_pixels} (command line), threshold=0.8 (command line)"]
    )


def test_options_fixtures_and_marker_document_themselves(pytester: pytest.Pytester) -> None:
    help_text = pytester.runpytest_inprocess("--help").stdout.str()
    fixtures = pytester.runpytest_inprocess("--fixtures").stdout.str()
    markers = pytester.runpytest_inprocess("--markers").stdout.str()
    assert "--replication-max-rate=SHARE" in help_text
    assert "replication_max_rate (string):" in help_text
    assert (
        "@pytest.mark.replication(*, threshold, fdr, max_rate, objects, count, seed, prompts, seeds_per_prompt)"
        in markers
    )
    for name in (
        "replication_index",
        "replication_model",
        "replication_samples",
        "replication_settings",
        "assert_no_replication",
        "check_replication",
    ):
        assert name in fixtures


def test_no_fixture_of_ours_is_used_by_itself(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("def test_it(): pass")
    plan = pytester.runpytest_inprocess("--setup-plan").stdout.str()
    assert (
        "replication"
        not in plan.split("test session starts")[1].replace("plugins:", "").split("collected")[1]
    )


def test_a_check_in_a_session_fixture_is_reported(run_suite: RunSuite) -> None:
    result = run_suite(
        """
        import pytest
        from pytest_replication import assert_no_replication

        @pytest.fixture(scope="session")
        def released():
            return assert_no_replication("photos/training", 0.9)

        def test_it(released):
            pass
        """
    )
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["FAIL *::test_it *"])


def test_xfail_may_say_that_a_model_copies(run_suite: RunSuite) -> None:
    result = run_suite("import pytest\n" + "@pytest.mark.xfail\n" + FAILING.replace("\n    ", "\n"))
    result.assert_outcomes(xfailed=1)


def test_xfail_never_hides_a_broken_gate(run_suite: RunSuite, tmp_path: Path) -> None:
    code = "import pytest\n" + "@pytest.mark.xfail\n" + PASSING.replace("\n    ", "\n")
    result = run_suite(code, index=tmp_path / "gone")
    result.assert_outcomes(errors=1)
    assert result.ret == 1
    result.stdout.fnmatch_lines(["*IndexNotFound: there is no index at *"])


def test_the_nearer_of_model_and_samples_is_the_one(run_suite: RunSuite, pytester: pytest.Pytester) -> None:
    pytester.makepyfile(toy_release=MODEL)
    pytester.makeini("[pytest]\npythonpath = .\nreplication_samples = photos/unrelated\n")
    code = """
        def test_it(replication_samples, replication_model):
            assert replication_samples.source == replication_model.name == "toy_release:unrelated"
    """
    run_suite(code, "--replication-model=toy_release:unrelated", "--replication-count=3").assert_outcomes(
        passed=1
    )
    both = run_suite(
        code, "--replication-model=toy_release:unrelated", "--replication-samples=photos/unrelated"
    )
    both.assert_outcomes(errors=1)
    both.stdout.fnmatch_lines(["*both a model and a folder of samples are set (command line)*"])


def test_an_index_that_is_named_in_the_call_is_opened_once(run_suite: RunSuite, built_pixels: Path) -> None:
    result = run_suite(
        f"""
        import pytest_replication.index.opening as opening

        def test_it(assert_no_replication, monkeypatch):
            opened = []
            real = opening.open_index
            monkeypatch.setattr(opening, "open_index", lambda *a, **k: opened.append(a) or real(*a, **k))
            for _ in range(2):
                assert_no_replication("photos/unrelated", 0.9, index={str(built_pixels)!r})
            assert len(opened) == 1
        """,
        index=None,
    )
    result.assert_outcomes(passed=1)


def test_asserting_a_verdict_itself_is_no_pass(run_suite: RunSuite) -> None:
    result = run_suite(
        """
        def test_it(check_replication):
            assert check_replication("photos/training", 0.9)
        """,
        "--replication-require-checks",
    )
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*TypeError: a verdict is not true or false*"])


def test_measuring_alone_is_no_check_that_was_required(run_suite: RunSuite) -> None:
    result = run_suite(
        """
        def test_it(check_replication):
            check_replication("photos/training", 0.9)
        """,
        "--replication-require-checks",
    )
    assert result.ret == 1
    result.stdout.fnmatch_lines(
        [
            "FAIL (measured only) *",
            "      1.000  photos/training/*.jpg -> /*.jpg",
            "ERROR: no replication check was asserted*",
        ]
    )


def test_nothing_is_generated_for_an_index_that_cannot_be_used(
    run_suite: RunSuite, pytester: pytest.Pytester, tmp_path: Path
) -> None:
    pytester.makepyfile(toy_release=MODEL)
    pytester.makeini("[pytest]\npythonpath = .\n")
    result = run_suite(
        """
        def test_it(replication_samples):
            pass

        def test_nothing_was_generated():
            import sys
            assert "toy_release" not in sys.modules or sys.modules["toy_release"].calls == []
        """,
        "--replication-model=toy_release:unrelated",
        index=tmp_path / "gone",
    )
    result.assert_outcomes(errors=1, passed=1)


def test_a_setup_error_is_one_sentence(run_suite: RunSuite) -> None:
    result = run_suite("def test_it(replication_model): pass", "--replication-model=no_such_module:f")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["ModelError: the model no_such_module:f cannot be imported*"])
    result.stdout.no_fnmatch_line("*pluggy*_callers*")
    result.stdout.no_fnmatch_line("*callable.py*")


@pytest.fixture(scope="module")
def certified(built_pixels: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the index with faiss-ivf, certified at 0.9."""
    pytest.importorskip("faiss")
    folder = Path(shutil.copytree(built_pixels, tmp_path_factory.mktemp("certified") / "index"))
    assert make_engine(folder, "faiss-ivf", 0.9, progress=False).certified
    return folder


def test_a_pass_on_the_word_of_an_engine_shows_its_recall(
    run_suite: RunSuite, across: tuple[str, ...], certified: Path
) -> None:
    asked = ("--replication-engine=faiss-ivf", *across)
    relied = run_suite(BOTH, "--replication-allow-approximate", *asked, index=certified)
    relied.assert_outcomes(passed=1, failed=1)
    relied.stdout.fnmatch_lines(
        [
            "FAIL*",
            "      searched by faiss-ivf: recall above 99.9 % at 0.9 (0 of 3000 planted copies missed*",
            "PASS*",
            "      searched by faiss-ivf: recall above 99.9 % at 0.9 (0 of 3000 planted copies missed*",
        ]
    )


def test_an_engine_that_may_not_pass_says_what_decided(run_suite: RunSuite, certified: Path) -> None:
    careful = run_suite(BOTH, "--replication-engine=faiss-ivf", index=certified)
    careful.assert_outcomes(passed=1, failed=1)
    careful.stdout.fnmatch_lines(
        [
            "      searched by faiss-ivf: what it found is real, there may be more",
            "PASS*",
            "      the exact scan decided: faiss-ivf may not pass a check (allow-approximate is off)",
        ]
    )


@pytest.mark.parametrize(
    ("option", "reason"),
    [("min-recall=1", "no recall between 0 and 1"), ("min-recall=no", "is not a number")],
)
def test_a_recall_that_cannot_be_proved_is_wrong_usage(run_suite: RunSuite, option: str, reason: str) -> None:
    result = run_suite(PASSING, f"--replication-{option}")
    assert result.ret == 4
    result.stderr.fnmatch_lines([f"*--replication-min-recall: *{reason}*"])


def test_an_engine_that_no_one_knows_is_an_error(run_suite: RunSuite) -> None:
    result = run_suite(PASSING, "--replication-engine=anoy")
    result.stdout.fnmatch_lines(["E*SettingsError: there is no engine 'anoy'; known are exact, annoy, *"])


def test_a_run_that_passes_shows_the_warnings_of_its_verdicts(run_suite: RunSuite, damaged: Path) -> None:
    remove_images(damaged, ids=["cat.jpg", "coffee.jpg"])
    code = """
        def test_twice(assert_no_replication):
            from pathlib import Path
            from PIL import Image
            image = Image.open(min(Path("photos/unrelated").iterdir()))
            assert_no_replication([image, image], threshold=0.9)
            assert_no_replication("photos/unrelated", threshold=0.9)
    """
    result = run_suite(code, index=damaged)
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(
        [
            "PASS *",
            "      WARNING: only 1 of 2 samples is distinct: the bounds of the rate count these",
            "PASS *",
            "index *: 18 training images, pixels",
            "WARNING: 2 training images were removed from the index: copies of them are not found",
        ]
    )
    assert result.stdout.str().count("were removed from the index") == 1


def test_an_unproved_import_is_an_error_until_it_is_allowed(
    run_suite: RunSuite, pytester: pytest.Pytester, built_pixels: Path
) -> None:
    shards = open_index(built_pixels).shards
    np.save("v.npy", np.concatenate([shard.embeddings()[0][:, 0] for shard in shards]))
    import_index("npy:v.npy", "imported", ImportOptions(embedder="pixels"))
    refused = run_suite(PASSING, index="imported")
    refused.assert_outcomes(errors=1)
    refused.stdout.fnmatch_lines(["*IndexMismatch: vectors of *imported were imported and nothing proves *"])
    run_suite(FAILING, index="imported").assert_outcomes(failed=1)
    pytester.makeini("[pytest]\nreplication_allow_unproved = true\n")
    allowed = run_suite(PASSING, index="imported")
    allowed.assert_outcomes(passed=1)
    allowed.stdout.fnmatch_lines(
        ["PASS *", "WARNING: vectors of the index were imported and nothing proves *"]
    )
