"""From arrays to a model that answers: in one call, and with scikit-learn's habits."""

import pickle

import numpy as np
import pytest

from dni_actors import ConfigError, Result, fit, predict
from dni_actors.tasks import find

FIELDS = {"epochs": 6, "hidden": 8, "batch": 8, "learning_rate": 0.01}


@pytest.fixture
def data(rng):
    """x [N, T, I], and whether its first steps sum up to more than nothing."""
    x = rng.standard_normal((80, 6, 2)) * [100, 0.01] + [1000, 0]
    return x, np.where(x[:, :3, 0].sum(axis=1) > 3000, "more", "less")


def test_a_model_answers_as_it_was_asked(data):
    x, y = data
    model = fit(x, y, **FIELDS)
    assert model.result.verdict.startswith("It has learned")
    assert set(model.predict(x)) == {"less", "more"}
    assert model.score(x, y) == np.mean(model.predict(x) == y) > 0.9
    p = model.predict_proba(x)
    np.testing.assert_allclose(p.sum(axis=1), 1, rtol=1e-5)
    assert (np.array(["less", "more"])[p.argmax(axis=1)] == model.predict(x)).all()
    assert repr(model).startswith("<Model of file:")
    again = pickle.loads(pickle.dumps(model))
    assert np.array_equal(again.outputs(x), model.outputs(x))
    assert np.array_equal(fit(x, y, **FIELDS).outputs(x), p), "the same bits every time"


def test_numbers_come_back_in_their_own_units(data):
    x, _ = data
    y = 1e6 + 1e3 * x[:, :3, 0].sum(axis=1)
    model = fit(x, y, **(FIELDS | {"epochs": 30}))
    assert model.predict(x).shape == (80,)
    assert model.score(x, y) > 0.5
    assert 1e6 < model.predict(x).mean() < 1e7
    with pytest.raises(ValueError, match="numbers, which have no probabilities; use predict"):
        model.predict_proba(x)
    test = model.result.test_error
    assert test < np.var(y)
    assert model.result.test_accuracy is None
    assert model.result.scores is None


def test_sequences_of_unequal_lengths_are_given_as_a_list_or_with_lengths(data, rng):
    x, y = data
    lengths = rng.integers(3, 7, len(x))
    several = [one[:length] for one, length in zip(x, lengths, strict=True)]
    model = fit(several, y, **FIELDS)
    p = model.outputs(several)
    padded = x.copy()
    padded[np.arange(6) >= lengths[:, None]] = np.nan
    assert np.array_equal(model.outputs(padded, lengths), p)
    np.testing.assert_allclose(model.outputs(several[:1]), p[:1], rtol=1e-4)
    assert np.array_equal(fit(padded, y, lengths=lengths, **FIELDS).outputs(several), p)
    with pytest.raises(ValueError, match=r"the input is \[80, 7, 2\]; give \[N, up to 6, 2\]"):
        model.outputs(np.zeros((80, 7, 2)))


def test_labels_of_each_step_end_where_their_sequences_do(rng):
    x = [rng.standard_normal((length, 1)) for length in rng.integers(2, 6, 60)]
    y = np.full((60, 5), -1)
    for row, one in zip(y, x, strict=True):
        row[: len(one)] = one[:, 0] > 0
    model = fit(x, y, boxes=2, **FIELDS)
    said = model.outputs(x)
    assert said.shape == (60, 5, 2)
    assert (np.isnan(said).all(axis=2) == (y < 0)).all()
    assert model.score(x, y) > 0.9


def test_what_cannot_be_learned_is_one_sentence_and_leaves_nothing(data, tmp_path):
    x, y = data
    for wrong, sentence in (
        ((x, y[:-1]), r"^the data has x \[80, 6, 2\] and labels \[79\]; give"),
        ((x, np.arange(80)), r"^the data has 80 different .* say labels=numbers"),
        ((np.where(x > 1100, np.nan, x), y), r"^the data has NaN"),
        ((x.astype(object), y), r"^the data has x of type object; give numbers"),
    ):
        with pytest.raises(ValueError, match=sentence):
            fit(*wrong, storage=tmp_path / "runs")
    with pytest.raises(ConfigError, match=r"^hidden: "):
        fit(x, y, hidden=0, storage=tmp_path / "runs")
    assert not (tmp_path / "runs").exists() or not [p for p in (tmp_path / "runs").iterdir() if p.is_dir()]


def test_a_run_that_is_kept_answers_without_its_data(data, tmp_path, monkeypatch, capsys):
    """The record has all that a model needs: the task's facts, and what numbers are standardised by."""
    x, y = data
    model = fit(x, y, storage=tmp_path, name="kept", **FIELDS)
    (tmp_path / "kept.npz").rename(tmp_path / "gone.npz")
    again = Result.from_path(tmp_path / "kept").load_model()
    assert np.array_equal(again.outputs(x), model.outputs(x))
    with pytest.raises(ConfigError, match="cannot be read"):
        Result.from_path(tmp_path / "kept").load_model(data=True)
    with pytest.raises(ValueError, match="made without the task's samples; load it with data=True"):
        again.evaluation()
    np.save(tmp_path / "x.npy", x)

    def told(*flags):
        monkeypatch.setattr("sys.argv", ["predict", str(tmp_path / "kept"), *map(str, flags)])
        return predict.main(), capsys.readouterr()

    code, shown = told("--input", tmp_path / "x.npy", "--export", tmp_path / "weights.npz")
    assert (code, shown.out.splitlines()[1:]) == (0, model.predict(x).tolist())
    with np.load(tmp_path / "weights.npz") as weights:
        np.testing.assert_allclose(weights["scaling/mean"], [1000, 0], atol=50)
    assert told("--input", tmp_path / "gone.npz")[1].out.splitlines() == model.predict(x).tolist()
    code, shown = told()
    assert code == 2
    assert "cannot be read" in shown.err
    (tmp_path / "gone.npz").rename(tmp_path / "kept.npz")
    assert told()[0] == 0


def test_a_rare_class_weighs_as_much_as_a_common_one(rng):
    x = rng.standard_normal((400, 4, 1))
    y = (x[:, :, 0].sum(axis=1) + rng.standard_normal(400) > 3.2).astype(int)
    plain, balanced = (fit(x, y, class_weights=how, **FIELDS) for how in ("none", "balanced"))

    def recall(model):
        return (model.predict(x) == 1)[y == 1].mean()

    assert recall(balanced) > recall(plain) + 0.1
    assert balanced.result.scores["classes"][1]["name"] == "1"


def test_scores_tell_what_was_taken_for_what(data, tmp_path):
    x, y = data
    model = fit(x, y, storage=tmp_path, name="it", **FIELDS)
    test = find(f"file:{tmp_path}/it.npz").load(0, 6).test
    said = (model.predict(test.x.transpose(1, 0, 2)) == "more").astype(int)
    table = np.array([[((test.labels == true) & (said == given)).sum() for given in (0, 1)] for true in (0, 1)])
    scores = model.result.scores
    assert scores["confusion"] == table.tolist()
    assert [of["name"] for of in scores["classes"]] == ["less", "more"]
    assert scores["classes"][1]["recall"] == pytest.approx(table[1, 1] / table[1].sum())
    best = model.result.best["accuracy"]
    assert np.trace(table) / table.sum() == pytest.approx(best)


def test_estimators_pass_the_checks_of_scikit_learn():
    checks = pytest.importorskip("sklearn.utils.estimator_checks")
    from dni_actors.estimators import DNIClassifier, DNIRegressor

    for kind in (DNIClassifier, DNIRegressor):
        quick = kind(epochs=15, hidden=16, learning_rate=0.01, settings={"evaluate_every": 0})
        found = checks.check_estimator(quick, on_skip=None, on_fail=None)
        wrong = {one["check_name"]: one["exception"] for one in found if one["status"] not in ("passed", "skipped")}
        assert not wrong
        assert len(found) > 40


def test_a_result_is_short_and_drawn_in_a_notebook(data, tmp_path):
    x, y = data
    model = fit(x, y, **FIELDS)
    assert len(repr(model.result)) < 200
    assert "finished, test accuracy" in repr(model.result)
    assert "It has learned" in model.result._repr_html_(), "its folder is gone"
    kept = fit(x, y, storage=tmp_path, name="it", **FIELDS)
    assert kept.result._repr_html_().count("data:image/png") == 2
    with pytest.raises(FileNotFoundError, match="'nope' holds no run that has ended; give a run's folder"):
        Result.from_path("nope")
