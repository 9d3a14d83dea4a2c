"""What an API server answers to a request for objects: pure, the same with and without HTTP."""

from dataclasses import dataclass

from tests.servers.kubernetes_objects import Object, Objects, bears


@dataclass(slots=True)
class Request:
    """A request as it arrived."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: Object


def answer(objects: Objects, asked: Request) -> tuple[int, Object]:
    """Answer a request for one object, or for a list.

    Raises:
        Refusal: the answer is no success.
    """
    collection, name = split_path(asked.path)
    match asked.method, bool(name):
        case "GET", True:
            return 200, objects.get(collection, name)
        case "GET", False:
            return 200, _list(objects, collection, asked)
        case "POST", False:
            return 201, objects.create(collection, asked.body)
        case "PUT", True:
            return 200, objects.replace(collection, name, asked.body)
        case "PATCH", True:
            return 200, objects.merge(collection, name, asked.body)
        case "DELETE", True:
            return 200, objects.delete(collection, name, asked.body.get("preconditions", {}))
    return 405, failure(405, "MethodNotAllowed", "the server does not allow this method")


def events_since(objects: Objects, asked: Request, since: int) -> tuple[list[Object], int]:
    """Return the events of a watch after that version, and the version that they go up to."""
    found = []
    chosen = selected(asked)
    for version, collection, event in list(objects.history):
        if version > since and collection == asked.path and bears(event["object"], chosen):
            found.append(event)
        since = max(since, version)
    return found, since


def _list(objects: Objects, collection: str, asked: Request) -> Object:
    found, version = objects.list(collection, selected(asked))
    first = int(asked.query.get("continue") or 0)
    last = first + int(asked.query.get("limit") or len(found) or 1)
    metadata = {"resourceVersion": str(version)}
    if last < len(found):
        metadata["continue"] = str(last)
    return {"kind": "List", "metadata": metadata, "items": found[first:last]}


def selected(asked: Request) -> dict[str, str]:
    """Return the labels that a request selects by."""
    pairs = [each for each in asked.query.get("labelSelector", "").split(",") if each]
    return {key: value for key, _, value in (pair.partition("=") for pair in pairs)}


def split_path(path: str) -> tuple[str, str]:
    """Return the path of the collection, and the object's name or ""."""
    parts = path.strip("/").split("/")
    prefix = 2 if parts[0] == "api" else 3
    long = prefix + (3 if parts[prefix] == "namespaces" and len(parts) > prefix + 2 else 1)
    return "/" + "/".join(parts[:long]), "/".join(parts[long:])


def failure(code: int, reason: str, message: str, details: Object | None = None) -> Object:
    """Return the `Status` of an answer that is no success."""
    return {
        "kind": "Status",
        "apiVersion": "v1",
        "status": "Failure",
        "message": message,
        "reason": reason,
        "code": code,
        "details": details or {},
    }
