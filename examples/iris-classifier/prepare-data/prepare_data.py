"""Split the iris measurements into data to train with and data to test with."""

import os

import fsspec
import joblib
from sklearn.datasets import load_iris
from sklearn.model_selection import train_test_split

RUN = os.environ.get("BODYWORK_ORIGIN_RUN_ID", "by-hand")  # the first record of a resumed run
FEATURES = [0, 1]  # the sepal's length and width, in centimetres


def save(name, value):
    """Put a value into the artefact store, for the later stages of this run."""
    url = f"{os.environ['ARTEFACT_STORE']}/{RUN}/{name}"
    store, path = fsspec.core.url_to_fs(url)
    store.makedirs(path.rpartition("/")[0], exist_ok=True)
    with store.open(path, "wb") as file:
        joblib.dump(value, file)


def main():
    iris = load_iris()
    parts = train_test_split(
        iris.data[:, FEATURES], iris.target, test_size=0.3, random_state=42, stratify=iris.target
    )
    names = ("x_train", "x_test", "y_train", "y_test")
    save("data.joblib", {**dict(zip(names, parts)), "classes": list(iris.target_names)})
    print(f"prepared {len(parts[0])} flowers to train with and {len(parts[1])} to test with")


if __name__ == "__main__":
    main()
