"""Services' names and addresses, with the servers and clients that people really use."""

import pytest

from bodywork.model.run import Phase
from tests.bodywork.local.machine import SERVER, Machine, batch, service

PACKAGES = "fastapi\nflask\nhttpx\nrequests\nuvicorn[standard]\nwaitress\n"
APP = """
from fastapi import FastAPI
app = FastAPI()
@app.get("/")
def answer():
    return "hello"
"""
SERVERS = {
    "http.server": SERVER.replace("{word}", "hello"),
    "flask": (
        "from flask import Flask\napp = Flask('app')\n"
        "app.route('/')(lambda: 'hello')\napp.run(host='0.0.0.0', port=5000)\n"
    ),
    "waitress": (
        "from flask import Flask\nfrom waitress import serve\napp = Flask('app')\n"
        "app.route('/')(lambda: 'hello')\nserve(app, host='0.0.0.0', port=5000)\n"
    ),
    "uvicorn with asyncio": APP
    + "import uvicorn\nuvicorn.run(app, host='0.0.0.0', port=5000, loop='asyncio')\n",
    "uvicorn with uvloop": APP
    + "import uvicorn\nuvicorn.run(app, host='0.0.0.0', port=5000, loop='uvloop')\n",
}
URL = "http://shop--serve:5000/"
CLIENTS = {
    "urllib": f"import urllib.request\nprint(urllib.request.urlopen('{URL}').read().decode())\n",
    "requests": f"import requests\nprint(requests.get('{URL}').text)\n",
    "httpx": f"import httpx\nprint(httpx.get('{URL}').text)\n",
    "httpx async": (
        "import asyncio, httpx\nasync def main():\n"
        f"    async with httpx.AsyncClient() as client:\n"
        f"        print((await client.get('{URL}')).text)\nasyncio.run(main())\n"
    ),
}


@pytest.mark.parametrize("name", SERVERS)
def test_a_server_on_all_addresses_answers_at_its_own(name: str, machine: Machine) -> None:
    call = CLIENTS["urllib"]
    machine.publish(
        {
            "serve/main.py": SERVERS[name],
            "serve/requirements.txt": PACKAGES,
            "call/main.py": call,
        }
    )
    seen = machine.deploy(service(), "run-1")
    assert seen.phase is Phase.READY, (seen.reason, seen.tail)
    attempt = machine.start(batch("call"))
    assert machine.finish(attempt).phase is Phase.SUCCEEDED, machine.log(attempt)
    assert "hello" in machine.log(attempt)[-1]


@pytest.mark.parametrize("name", CLIENTS)
def test_a_client_reaches_a_service_by_its_name(name: str, machine: Machine) -> None:
    machine.publish(
        {
            "serve/main.py": SERVERS["http.server"],
            "call/main.py": CLIENTS[name],
            "call/requirements.txt": PACKAGES,
        }
    )
    assert machine.deploy(service(), "run-1").phase is Phase.READY
    attempt = machine.start(batch("call"))
    assert machine.finish(attempt).phase is Phase.SUCCEEDED, machine.log(attempt)
    assert machine.log(attempt)[-1] == "hello"


def test_two_services_share_a_port(machine: Machine) -> None:
    machine.publish(
        {
            "one/main.py": SERVER.replace("{word}", "one"),
            "two/main.py": SERVER.replace("{word}", "two"),
            "call/main.py": (
                "import urllib.request\n"
                "for name in ('one', 'two'):\n"
                "    print(urllib.request.urlopen(f'http://shop--{name}:5000').read().decode())\n"
            ),
        }
    )
    for name in ("one", "two"):
        assert machine.deploy(service(name), "run-1").phase is Phase.READY
    attempt = machine.start(batch("call"))
    machine.finish(attempt)
    assert machine.log(attempt) == ["one", "two"]


def test_ports_are_mapped_where_only_one_address_can_be_bound(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BODYWORK_LOCAL_SHARED_ADDRESS", "1")
    call = "import urllib.request\nprint(urllib.request.urlopen('{}').read().decode())\n"
    machine.publish(
        {
            "one/main.py": SERVER.replace("{word}", "one"),
            "serve/main.py": SERVER.replace("{word}", "two"),
            "call/main.py": call.format(URL),
        }
    )
    for name in ("one", "serve"):
        seen = machine.deploy(service(name), "run-1")
        assert seen.phase is Phase.READY
        assert seen.address.startswith("http://127.0.0.1:")
        assert not seen.address.endswith(":5000")
    attempt = machine.start(batch("call"))
    machine.finish(attempt)
    assert machine.log(attempt) == ["two"]


def test_a_stage_that_needs_no_network_never_loads_the_socket_module(machine: Machine) -> None:
    seen = machine.run("import sys\nraise SystemExit('socket' in sys.modules)\n")
    assert seen.phase is Phase.SUCCEEDED
