"""Say over HTTP which iris a flower is.

    curl http://…:5000/ -H "Content-Type: application/json" -d '{"x": 5.1, "y": 3.5}'

`x` is the length of the flower's sepal and `y` its width, in centimetres.
"""

import os

import fsspec
import joblib
from flask import Flask, jsonify, request
from waitress import serve

app = Flask(__name__)


def load_model():
    """Load the model that this run has chosen; a version that is restored finds its own again."""
    url = f"{os.environ['ARTEFACT_STORE']}/{os.environ['BODYWORK_ORIGIN_RUN_ID']}/model.joblib"
    with fsspec.open(url, "rb") as file:
        return joblib.load(file)


@app.get("/")
def health():
    """Say which model answers here."""
    return jsonify(model=chosen["name"], accuracy=round(chosen["accuracy"], 3))


@app.post("/")
def score():
    """Classify one flower."""
    flower = request.get_json(silent=True)
    try:
        features = [[float(flower["x"]), float(flower["y"])]]
    except (KeyError, TypeError, ValueError):
        return jsonify(error='send {"x": 5.1, "y": 3.5}: sepal length and width in cm'), 400
    species = chosen["classes"][int(chosen["model"].predict(features)[0])]
    return jsonify(species=str(species), model=chosen["name"])


if __name__ == "__main__":
    chosen = load_model()
    print(f"serving the {chosen['name']} model on port 5000", flush=True)
    serve(app, host="0.0.0.0", port=5000)
