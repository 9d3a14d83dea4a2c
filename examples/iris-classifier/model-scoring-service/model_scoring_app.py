"""Say over HTTP which iris a flower is.

    curl http://…:5000/ -H "Content-Type: application/json" -d '{"x": 5.1, "y": 3.5}'

`x` is the length of the flower's sepal and `y` its width, in centimetres.
"""

import math
import os
import sys

import fsspec
import joblib
from flask import Flask, jsonify, request
from waitress import create_server

PORT = 5000  # as in config.ini; another one may be named: python model_scoring_app.py 5001
USAGE = 'send {"x": 5.1, "y": 3.5}: length and width of a sepal, in cm'


def load_model():
    """Load the model that this run has chosen; a version that is restored finds its own again."""
    run = os.environ.get("BODYWORK_ORIGIN_RUN_ID", "by-hand")
    with fsspec.open(f"{os.environ['ARTEFACT_STORE']}/{run}/model.joblib", "rb") as file:
        return joblib.load(file)


def read_flower(body):
    """Return a flower's features. Raises ValueError in words for who sent the request."""
    if not isinstance(body, dict):
        raise ValueError("the body is not a JSON object")
    features = []
    for name in ("x", "y"):
        value = body.get(name)
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise ValueError(f"{name} is {'missing' if name not in body else 'not a number'}")
        if not (math.isfinite(value) and 0 < value < 100):
            raise ValueError(f"{name} is no size of a sepal in cm")
        features.append(float(value))
    return features


def make_app(chosen):
    app = Flask(__name__)

    @app.get("/")
    def health():
        return jsonify(model=chosen["name"], accuracy=round(chosen["accuracy"], 3))

    @app.post("/")
    def score():
        try:
            flower = read_flower(request.get_json(force=True, silent=True))
        except ValueError as error:
            return jsonify(error=str(error), usage=USAGE), 400
        number = int(chosen["model"].predict([flower])[0])
        return jsonify(species=str(chosen["classes"][number]), model=chosen["name"])

    return app


if __name__ == "__main__":
    model = load_model()
    port = int(sys.argv[1]) if len(sys.argv) > 1 else PORT
    server = create_server(make_app(model), host="0.0.0.0", port=port)
    print(f"serving the {model['name']} model on port {port}", flush=True)
    server.run()
