"""The image of our own: what controllers run in, where nobody says otherwise."""

CONTROLLER_IMAGE = "bodyworkml/bodywork-core:latest"
