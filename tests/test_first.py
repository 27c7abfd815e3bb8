"""What the main job says in the end: figures of this very run, and of a rival that is trained for it."""

from dni_actors.config.run import RunConfig
from dni_actors.experiment import run
from dni_actors.first import lesson, truncated

QUICK = {"epochs": 2, "runtime": "inline", "console": "quiet", "evaluate_every": 100}


def test_the_lesson_has_the_figures_of_the_run_of_guessing_and_of_truncation(tmp_path):
    config = RunConfig.of(**QUICK, storage=str(tmp_path), name="first")
    result = run(config)
    rival = run(config.changed(update="truncated", name="rival"))
    said = lesson(config, result)
    for share in (result.best["accuracy"], rival.best["accuracy"], 0.5):
        assert f"{share:.1%}" in said
    assert f'make report ARGS="{result.path}"' in said


def test_the_rival_leaves_no_folder_and_has_the_bits_of_a_run_of_its_own(tmp_path):
    config = RunConfig.of(**QUICK, storage=str(tmp_path), name="rival", update="truncated")
    assert truncated(config).digest == run(config).digest
    assert [path.name for path in tmp_path.iterdir()] == ["rival"]
