"""Real artifacts of older libraries, loaded by this process in their own environment."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from recorded_environments import PLUGINS, SHOP, RecordedEnvironment, work_of

from artifact_plugins.errors import EnvironmentMismatchError, LoadFailedError
from artifact_plugins.isolation import IsolatedValue, load_isolated

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

FRAME = """
    import pandas as pd
    frame = pd.DataFrame(
        {
            "carrier": ["UA", "AA", None],
            "delay": [1.5, float("nan"), -3.0],
            "count": pd.array([1, None, 3], dtype="Int64"),
            "kind": pd.Categorical(["a", "b", "a"], categories=["b", "a"], ordered=True),
            "at": pd.date_range("2013-01-01", periods=3, tz="Europe/Paris", unit="ns"),
        },
        index=pd.date_range("2013-01-01", periods=3, freq="D", name="day", unit="ns"),
    )
"""


def expected_frame() -> pd.DataFrame:
    """Build what pandas 2 held, with the dtypes it had there."""
    frame = pd.DataFrame(
        {
            "carrier": [None, None, None],
            "delay": [1.5, float("nan"), -3.0],
            "count": pd.array([1, None, 3], dtype="Int64"),
            "kind": pd.Categorical(
                np.array(["a", "b", "a"], dtype=object),
                categories=pd.Index(["b", "a"], dtype=object),
                ordered=True,
            ),
            "at": pd.date_range("2013-01-01", periods=3, tz="Europe/Paris", unit="ns"),
        },
        index=pd.date_range("2013-01-01", periods=3, freq="D", name="day", unit="ns"),
    )
    frame["carrier"] = pd.Series(["UA", "AA", None], index=frame.index, dtype=object)
    frame.columns = frame.columns.astype(object)
    return frame


def pandas_plugin() -> dict[str, str]:
    """Return the sources of our pandas materializers, as an archive holds them."""
    folder = PLUGINS / "artifact_materializers/pandas"
    return {path.relative_to(PLUGINS).as_posix(): path.read_text() for path in folder.glob("*.py")}


def test_a_pickled_frame_of_pandas_2_comes_back_equal(
    older_pandas: RecordedEnvironment, tmp_path: Path
):
    """A frame that a project pickled under pandas 2 loads under pandas 3 with its old dtypes."""
    older_pandas.run(
        FRAME + "    import pathlib, pickle\n"
        "    pathlib.Path(sys.argv[1]).write_bytes(pickle.dumps(frame))\n",
        str(tmp_path / "value.pickle"),
    )
    work = work_of(tmp_path, {"shop.py": SHOP}, "shop:Pickled", libraries=older_pandas.libraries)

    loaded = load_isolated(work)

    assert int(pd.__version__.split(".")[0]) >= 3
    pd.testing.assert_frame_equal(loaded, expected_frame(), check_freq=True)


def test_a_frame_of_our_own_materializer_comes_back_equal(
    older_pandas: RecordedEnvironment, tmp_path: Path
):
    """What the archived pandas plugin wrote under pandas 2 is read by it there, and equal here."""
    older_pandas.run(
        FRAME + "    import pathlib\n"
        "    from artifact_materializers.pandas.frame import FrameMaterializer\n"
        "    FrameMaterializer().save(frame, pathlib.Path(sys.argv[1]))\n",
        str(tmp_path),
    )
    work = work_of(
        tmp_path,
        pandas_plugin(),
        "artifact_materializers.pandas.frame:FrameMaterializer",
        libraries=older_pandas.libraries,
        data_type="pandas:DataFrame",
    )

    loaded = load_isolated(work)

    pd.testing.assert_frame_equal(loaded, expected_frame(), check_freq=True)


def trained_model(environment: RecordedEnvironment, folder: Path) -> dict[str, list[float]]:
    """Train and pickle a model there; return what it answers there."""
    text = environment.run(
        """
        import json, pathlib, pickle, sklearn, numpy as np
        from sklearn.ensemble import RandomForestClassifier
        assert sklearn.__version__ == "1.5.2"
        x = np.random.default_rng(7).normal(size=(200, 4))
        y = (x[:, 0] + x[:, 1] ** 2 > 0.5).astype("int64")
        model = RandomForestClassifier(n_estimators=20, random_state=3).fit(x, y)
        pathlib.Path(sys.argv[1]).write_bytes(pickle.dumps(model))
        print(json.dumps({
            "x": x[:50].tolist(),
            "classes": model.predict(x[:50]).tolist(),
            "chances": model.predict_proba(x[:50]).tolist(),
            "importances": model.feature_importances_.tolist(),
        }))
        """,
        str(folder / "value.pickle"),
    )
    answers: dict[str, list[float]] = json.loads(text)
    return answers


def test_an_older_model_answers_predict(older_sklearn: RecordedEnvironment, tmp_path: Path):
    """A scikit-learn 1.5 model gives the very numbers here that it gives in its own environment."""
    there = trained_model(older_sklearn, tmp_path)
    work = work_of(tmp_path, {"shop.py": SHOP}, "shop:Pickled", libraries=older_sklearn.libraries)

    with load_isolated(work) as model:
        x = np.array(there["x"])
        classes, chances = model.predict(x), model.predict_proba(X=x)
        from_frame = model.predict(pd.DataFrame(x).to_numpy())
        importances = model.feature_importances_
        settings = model.get_params()
        with pytest.raises(EnvironmentMismatchError, match="cannot come back as data"):
            model.fit(x, classes)
        with pytest.raises(LoadFailedError, match="3 features") as wrong:
            model.predict(x[:, :3])

    assert isinstance(model, IsolatedValue)
    assert classes.tolist() == from_frame.tolist() == there["classes"]
    assert chances.tolist() == there["chances"]
    assert importances.tolist() == there["importances"]
    assert settings["n_estimators"] == 20
    assert "ValueError" in wrong.value.trace
    with pytest.raises(LoadFailedError, match="it was closed"):
        model.predict(x)


def test_a_frame_can_be_an_argument(older_sklearn: RecordedEnvironment, tmp_path: Path):
    """A frame of this pandas arrives in the older one, and a frame of the older one comes back."""
    sources = {
        "shop.py": SHOP
        + """
    class Doubler:
        def double(self, frame):
            import pandas
            assert pandas.__version__ == "2.2.3" and type(frame) is pandas.DataFrame
            return {"frame": frame * 2, "names": (list(frame), frame["a"].to_numpy())}
"""
    }
    older_sklearn.run(
        f"""
        import pathlib, pickle, types
        shop = sys.modules["shop"] = types.ModuleType("shop")
        exec({sources["shop.py"]!r}.replace("\\n    ", "\\n"), vars(shop))
        pathlib.Path(sys.argv[1]).write_bytes(pickle.dumps(shop.Doubler()))
        """,
        str(tmp_path / "value.pickle"),
    )
    work = work_of(tmp_path, sources, "shop:Pickled", libraries=older_sklearn.libraries)

    with load_isolated(work) as doubler:
        answer = doubler.double(pd.DataFrame({"a": [1, 2], "b": [0.5, 1.5]}))

    pd.testing.assert_frame_equal(answer["frame"], pd.DataFrame({"a": [2, 4], "b": [1.0, 3.0]}))
    names, column = answer["names"]
    assert names == ["a", "b"]
    assert column.tolist() == [1, 2]


def test_code_finds_ours_in_a_recorded_environment(
    older_pandas: RecordedEnvironment, tmp_path: Path
):
    """In an environment without our packages archived code finds those that run here."""
    sources = {
        "shop.py": """
            import artifact_plugins as ap
            from artifact_materializers.numpy.array import ArrayMaterializer, FILE

            @ap.step
            def prices() -> int: return 1

            class Reader(ap.Materializer):
                format = "odd/1"
                def save(self, value, directory): ...
                def load(self, directory, data_type):
                    import pandas
                    return [FILE, ArrayMaterializer.__module__, prices(), pandas.__version__]
        """
    }
    work = work_of(tmp_path, sources, "shop:Reader", libraries=older_pandas.libraries)

    assert load_isolated(work) == ["array.npy", "artifact_materializers.numpy.array", 1, "2.2.3"]


def interpreter_of(minor: str) -> Path | None:
    """Return an interpreter of another minor version: from PATH, or one that pyenv has."""
    places = [Path(folder) for folder in os.environ["PATH"].split(os.pathsep)]
    places += sorted((Path.home() / ".pyenv/versions").glob(f"{minor}.*/bin"))
    for place in places:
        python = place / f"python{minor}"
        if not python.is_file():
            continue
        done = subprocess.run([str(python), "-c", ""], capture_output=True)
        if done.returncode == 0:  # the stand-in of an inactive pyenv version fails
            return python
    return None


@pytest.mark.parametrize(
    ("minor", "numpy"), [("3.11", "1.26.4"), ("3.12", "1.26.4"), ("3.13", "2.1.3")]
)
def test_another_python_minor_version_hands_its_value_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, minor: str, numpy: str
):
    """A version recorded under another Python loads under that Python and is equal here."""
    python = interpreter_of(minor)
    if python is None:
        pytest.skip(f"no Python {minor} here")
    monkeypatch.setenv("PATH", f"{python.parent}{os.pathsep}{os.environ['PATH']}")
    sources = {
        "shop.py": """
            import sys, pandas as pd, artifact_plugins as ap

            class Reader(ap.Materializer):
                format = "odd/1"
                def save(self, value, directory): ...
                def load(self, directory, data_type):
                    minor = f"{sys.version_info.major}.{sys.version_info.minor}"
                    return minor, pd.DataFrame({"a": ["x", None]})
        """
    }
    libraries = {"pandas": "2.2.3", "numpy": numpy}
    work = work_of(tmp_path, sources, "shop:Reader", libraries=libraries, python=f"{minor}.0")

    there, frame = load_isolated(work)

    assert there == minor
    assert frame["a"].tolist() == ["x", None]
    assert frame["a"].dtype == object
