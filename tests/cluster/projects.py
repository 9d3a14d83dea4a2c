"""Projects for the test cluster, in real Git repositories."""

from pathlib import Path

from tests.servers.repositories import git

BATCH = """[default]
STAGE_TYPE="batch"
EXECUTABLE_SCRIPT="main.py"
CPU_REQUEST=0.05
MEMORY_REQUEST_MB=50
[batch]
MAX_COMPLETION_TIME_SECONDS={seconds}
RETRIES={retries}
"""
SERVICE = """[default]
STAGE_TYPE="service"
EXECUTABLE_SCRIPT="main.py"
CPU_REQUEST=0.05
MEMORY_REQUEST_MB=50
[service]
MAX_STARTUP_TIME_SECONDS={seconds}
REPLICAS={replicas}
PORT={port}
"""
SERVER = """import http.server
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = b"{word}"
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *arguments):
        pass
http.server.ThreadingHTTPServer(("0.0.0.0", {port}), Handler).serve_forever()
"""


class Project:
    """A repository; each change is a commit on its main branch."""

    def __init__(self, folder: Path, image: str, dag: str, name: str = "shop") -> None:
        self.folder = folder
        self.image = image
        folder.mkdir(parents=True)
        git(folder, "init", "-q", "-b", "main")
        self.name = name
        self.workflow(dag)

    def workflow(self, dag: str, *, image: str = "", more: str = "") -> None:
        """Write bodywork.ini; without any image, the namespace's is meant."""
        text = f'[default]\nPROJECT_NAME="{self.name}"\n'
        if image or self.image:
            text += f'DOCKER_IMAGE="{image or self.image}"\n'
        (self.folder / "bodywork.ini").write_text(f"{text}[workflow]\nDAG={dag}\n{more}")

    def batch(
        self, name: str, script: str, *, seconds: int = 60, retries: int = 0, more: str = ""
    ) -> None:
        """Write a batch stage."""
        self._stage(name, script, BATCH.format(seconds=seconds, retries=retries) + more)

    def service(
        self,
        name: str,
        script: str = "",
        *,
        word: str = "v1",
        seconds: int = 20,
        replicas: int = 1,
        port: int = 5000,
        more: str = "",
    ) -> None:
        """Write a service stage; without a script, one that answers with the word."""
        text = script or SERVER.replace("{word}", word).replace("{port}", str(port))
        config = SERVICE.format(seconds=seconds, replicas=replicas, port=port)
        self._stage(name, text, config + more)

    def commit(self, message: str = "change") -> str:
        """Commit everything and return the id."""
        git(self.folder, "add", "--all")
        git(self.folder, "commit", "-q", "--allow-empty", "-m", message)
        return git(self.folder, "rev-parse", "HEAD")

    def _stage(self, name: str, script: str, config: str) -> None:
        stage = self.folder / name
        stage.mkdir(exist_ok=True)
        (stage / "main.py").write_text(script)
        (stage / "config.ini").write_text(config)
        (stage / "requirements.txt").write_text("")
