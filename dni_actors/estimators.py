"""Time boxes with the habits of scikit-learn, which has to be there: pip install scikit-learn.

    from dni_actors.estimators import DNIClassifier

    DNIClassifier(boxes=4).fit(X, y).predict(X)

X is [N, T, I], or [N, T]: N sequences of T numbers. Searches, pipelines and cross-validation take [N, T].
"""

from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, column_or_1d, validate_data

from dni_actors.fitting import fit
from dni_actors.nn.arrays import Array
from dni_actors.protocol.model import Model


class _Boxes(BaseEstimator):
    """What both have in common. The parameters are fields of a RunConfig; None is the default."""

    model_: Model
    """the trained boxes, with all that they know"""

    def __init__(
        self,
        boxes: int | None = None,
        cell: str = "rnn",
        hidden: int = 64,
        update: str = "synthetic",
        lag: int = 2,
        epochs: int | None = None,
        batch: int | None = None,
        learning_rate: float | None = None,
        random_state: int = 0,
        settings: dict[str, Any] | None = None,
    ) -> None:
        """`settings`: any other fields."""
        self.boxes, self.cell, self.hidden, self.update, self.lag = boxes, cell, hidden, update, lag
        self.epochs, self.batch, self.learning_rate = epochs, batch, learning_rate
        self.random_state, self.settings = random_state, settings

    def _fit(self, x: Array, y: Array, **more: Any) -> Model:
        chosen: dict[str, Any] = {"boxes": self.boxes, "epochs": self.epochs, "batch": self.batch}
        chosen |= {"learning_rate": self.learning_rate, "cell": self.cell, "hidden": self.hidden}
        given = {name: value for name, value in chosen.items() if value is not None}
        given |= {"update": self.update} if self.update != "synthetic" else {}
        given |= {"lag": self.lag} if self.lag != 2 else {}
        steps = x.shape[1]
        if self.boxes is None and steps == 1:
            given["boxes"] = 1
        return fit(x, y, seed=self.random_state, **given, **more, **(self.settings or {}))

    def _checked(self, x: Any) -> Array:
        check_is_fitted(self)
        found: Array = validate_data(self, x, reset=False, allow_nd=True, dtype="numeric")
        return found

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        tags.non_deterministic = False
        return tags


class DNIClassifier(ClassifierMixin, _Boxes):
    """Classes of sequences, or of each of their steps."""

    classes_: Array

    def fit(self, X: Any, y: Any) -> "DNIClassifier":
        """Trains on X [N, T, I] or [N, T], and y [N] or, a class a step, [N, T]. ValueError if they do not fit."""
        X, y = validate_data(self, X, y, reset=True, allow_nd=True, dtype="numeric", multi_output=True)
        y = column_or_1d(y, warn=True) if y.ndim == 2 and y.shape[1] == 1 else y
        check_classification_targets(y.reshape(-1) if y.ndim == 2 and y.shape[1] == X.shape[1] else y)
        self.classes_, numbers = np.unique(y, return_inverse=True)
        if len(self.classes_) < 2:
            raise ValueError(f"DNIClassifier can't train when only one class is present: {self.classes_}")
        self.model_ = self._fit(X, numbers.reshape(y.shape), labels="classes")
        return self

    def predict(self, X: Any) -> Array:
        """The likeliest class of each sequence [N], or of each step [N, T]."""
        best = self.predict_proba(X).argmax(axis=-1)
        found: Array = self.classes_[best]
        return found

    def predict_proba(self, X: Any) -> Array:
        """The probability of each class, in the order of `classes_`: [N, C], or [N, T, C] of each step."""
        x = self._checked(X)
        return self.model_.predict_proba(x)


class DNIRegressor(RegressorMixin, _Boxes):
    """Numbers of sequences."""

    def fit(self, X: Any, y: Any) -> "DNIRegressor":
        """Trains on X [N, T, I] or [N, T], and numbers y [N] or [N, C]. ValueError if they do not fit."""
        X, y = validate_data(self, X, y, reset=True, allow_nd=True, dtype="numeric", multi_output=True, y_numeric=True)
        y = column_or_1d(y, warn=True) if y.ndim == 2 and y.shape[1] == 1 else y
        self.model_ = self._fit(X, y, labels="numbers")
        return self

    def predict(self, X: Any) -> Array:
        """The numbers of each sequence: [N] or [N, C], as y was."""
        x = self._checked(X)
        return self.model_.predict(x)
