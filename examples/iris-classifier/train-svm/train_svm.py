"""Train a support vector machine, with the best of some parameters."""

import os

import fsspec
import joblib
from sklearn.model_selection import GridSearchCV
from sklearn.svm import SVC

RUN = os.environ.get("BODYWORK_ORIGIN_RUN_ID", "by-hand")  # the first record of a resumed run


def locate(name):
    """Return the file system and path of one of this run's artefacts."""
    url = f"{os.environ['ARTEFACT_STORE']}/{RUN}/{name}"
    return fsspec.core.url_to_fs(url)


def load(name):
    store, path = locate(name)
    with store.open(path, "rb") as file:
        return joblib.load(file)


def save(name, value):
    store, path = locate(name)
    with store.open(path, "wb") as file:
        joblib.dump(value, file)


def main():
    data = load("data.joblib")
    search = GridSearchCV(SVC(), {"C": [0.1, 1, 10], "kernel": ["linear", "rbf"]}, cv=5)
    search.fit(data["x_train"], data["y_train"])
    accuracy = search.score(data["x_test"], data["y_test"])
    save("svm.joblib", {"name": "svm", "model": search.best_estimator_, "accuracy": accuracy})
    print(f"best of {len(search.cv_results_['params'])}: {search.best_params_}")
    print(f"accuracy on flowers it has not seen: {accuracy:.3f}")


if __name__ == "__main__":
    main()
