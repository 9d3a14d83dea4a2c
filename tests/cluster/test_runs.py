"""Batch stages on a real node, under the least rights."""

import re
from collections import Counter
from collections.abc import Callable

from tests.cluster.projects import Project
from tests.cluster.site import Site
from tests.cluster.waiting import wait_for

Make = Callable[..., Project]
RULE = "-" * 100
STAMP = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} - "


def test_a_workflow_of_this_machine_runs_and_its_log_has_the_guides_form(
    site: Site, project: Make
) -> None:
    shop = project("a >> b, c")
    for name in "abc":
        shop.batch(name, f"print('hello from {name}')")
    commit = shop.commit()
    said = site.workflow(shop.folder.as_uri())
    assert said.code == 0, said.err
    lines = said.out.splitlines()
    where = f"project={shop.folder.as_uri()} on branch=main in kubernetes "
    assert re.fullmatch(
        STAMP + "INFO - workflow.run_workflow - attempting to run workflow for "
        + re.escape(f"{where}namespace={site.namespace}"),
        lines[0],
    )  # fmt: skip
    assert lines[1].startswith("git version ")
    assert lines[2] == "Cloning into 'bodywork_project'..."
    assert re.fullmatch(STAMP + r".*attempting to execute DAG step=\['a'\]", lines[3])
    assert lines[4].endswith(f"creating job=shop--a in namespace={site.namespace}")
    begin = lines.index("---- pod logs for shop--a")
    assert lines[begin - 1] == lines[begin + 1] == RULE
    assert re.fullmatch(
        STAMP + "INFO - stage.run_stage - attempting to run stage=a from main branch of repo at "
        + re.escape(shop.folder.as_uri()),
        lines[begin + 2],
    )  # fmt: skip
    assert "hello from a" in lines[begin:]
    for name in "bc":
        assert f"[{name}] hello from {name}" in lines
        block = lines.index(f"---- pod logs for shop--{name}")
        assert f"hello from {name}" in lines[block:]
    [run] = site.runs()
    record = site.get("configmap", run)
    assert record["immutable"] is True
    told = {key: record["data"][key] for key in ("state", "project", "commit")}
    assert told == {"state": "succeeded", "project": "shop", "commit": commit}
    jobs = site.get("jobs")["items"]
    assert len(jobs) == 3
    assert all(job["status"]["conditions"][-1]["type"] == "Complete" for job in jobs)


def test_a_batch_stage_costs_five_requests(site: Site, project: Make) -> None:
    shop = project(" >> ".join(f"s{number}" for number in range(6)))
    for number in range(6):
        shop.batch(f"s{number}", "print('done')")
    shop.commit()
    assert site.workflow(shop.folder).code == 0
    counted: Counter[str] = Counter()
    for entry in site.audit():
        kind = entry["objectRef"]["resource"]
        if entry["verb"] != "watch" and kind != "leases":  # leases go by time, not by stages
            counted[f"{entry['verb']} {kind} {entry['objectRef'].get('subresource', '')}"] += 1
    assert counted["create jobs "] == 6
    whole_run = {
        "get namespaces ": 1,
        "create configmaps ": 3,  # the record; the source and its chunk
        "update configmaps ": 3,  # cloned; the source is released; the end
        "delete configmaps ": 1,  # the chunk
        "list configmaps ": 2,
        "list jobs ": 1,
        "list pods ": 1,
        "list events ": 1,
    }
    for_stages = counted - Counter(whole_run)
    assert for_stages.total() <= 5 * 6, counted


def test_a_failed_stage_is_explained_without_any_other_command(site: Site, project: Make) -> None:
    shop = project("good >> bad >> never")
    shop.batch("good", "print('fine')")
    shop.batch("bad", "import sys\nprint('the table is empty')\nsys.exit(7)", retries=1)
    shop.batch("never", "print('no')")
    shop.commit()
    said = site.workflow(shop.folder)
    assert said.code == 1
    assert "exit code 7" in said.err
    [run] = site.runs()
    told = site.run("status", f"--namespace={site.namespace}", run)
    assert "exit code 7" in told.out
    assert "the table is empty" in told.out
    status = site.status(run)
    attempts = {each["name"]: len(each["attempts"]) for each in status["stages"]}
    assert attempts == {"good": 1, "bad": 2, "never": 0}

    shop.batch("bad", "print('mended')", retries=1)
    shop.commit()
    again = site.run(
        "workflow", f"--namespace={site.namespace}", "--resume", f"--run={run}", "--branch=main"
    )
    assert again.code == 0, again.err
    assert "reusing stage=good" in again.out
    assert len(site.get("jobs")["items"]) == 5  # good, bad twice; bad, never


def test_the_log_of_a_stage_can_be_read_later(site: Site, project: Make) -> None:
    shop = project("talk")
    shop.batch("talk", "print('one')\nprint('two')")
    shop.commit()
    assert site.workflow(shop.folder).code == 0
    [run] = site.runs()
    said = site.run("logs", f"--namespace={site.namespace}", run, "talk")
    assert [line for line in said.out.splitlines() if line in ("one", "two")] == ["one", "two"]


def test_a_stage_that_takes_too_long_is_ended_and_says_so(site: Site, project: Make) -> None:
    shop = project("slow")
    shop.batch("slow", "import time\nprint('begun')\ntime.sleep(600)", seconds=4)
    shop.commit()
    said = site.workflow(shop.folder)
    assert said.code == 1
    assert "MAX_COMPLETION_TIME_SECONDS=4" in said.err
    assert "begun" in said.out


def test_what_a_stage_lacks_is_named_at_once_and_costs_no_retries(
    site: Site, project: Make
) -> None:
    shop = project("needy")
    shop.batch("needy", "print(1)", retries=3, more='[secrets]\nKEY="nowhere"\n')
    shop.commit()
    said = site.workflow(shop.folder)
    assert said.code == 1
    assert 'secret "nowhere" not found' in said.err
    assert len(site.get("jobs")["items"]) == 1


def test_a_stage_that_takes_too_much_memory_is_told_apart(site: Site, project: Make) -> None:
    limits = "spec: {limits: [{type: Container, default: {memory: 64Mi}}]}"
    body = f"apiVersion: v1\nkind: LimitRange\nmetadata: {{name: small}}\n{limits}\n"
    site.cluster.kubectl("-n", site.namespace, "apply", "-f", "-", stdin=body)
    shop = project("greedy")
    shop.batch("greedy", "x = bytearray(512 << 20)\nprint(len(x))")
    shop.commit()
    said = site.workflow(shop.folder)
    assert said.code == 1
    assert "memory" in said.err
    assert "64Mi" in said.err


def test_a_stage_that_no_node_has_room_for_is_told_at_once_and_can_be_cancelled(
    site: Site, project: Make
) -> None:
    shop = project("huge")
    shop.batch("huge", "print(1)")
    config = shop.folder / "huge" / "config.ini"
    config.write_text(config.read_text().replace("CPU_REQUEST=0.05", "CPU_REQUEST=900"))
    shop.commit()
    process = site.begin("workflow", f"--namespace={site.namespace}", str(shop.folder), "main")
    assert process.stdout is not None
    for line in process.stdout:
        if "no node has room for it" in line:
            break
    else:
        raise AssertionError("it was never told")
    [run] = site.runs()
    wait_for(  # what is told is on record a moment later, for those who look from elsewhere
        site,
        "api/v1",
        "configmaps",
        lambda each: "no node has room" in each.get("data", {}).get("checkpoint.json", ""),
        seconds=10,
    )
    assert "no node has room for it" in site.run("status", f"-n{site.namespace}", run).out
    assert site.run("cancel", f"-n{site.namespace}", run).code == 0
    process.communicate(timeout=60)
    assert process.returncode == 3


def test_a_secret_reaches_its_stage_and_nothing_else(site: Site, project: Make) -> None:
    canary = "canary-7f3a"
    made = site.run(
        "secret", "create", f"--namespace={site.namespace}", "--name=store", "--data",
        f"PASSWORD={canary}",
    )  # fmt: skip
    assert made.code == 0, made.err
    shop = project("use >> spill")
    shop.batch(
        "use",
        "import os\nprint('length', len(os.environ['PASSWORD']))",
        more='[secrets]\nPASSWORD="store"\n',
    )
    shop.batch(
        "spill",
        "import os, sys\nprint('it is', os.environ['PASSWORD'])\nsys.exit(1)",
        more='[secrets]\nPASSWORD="store"\n',
    )
    shop.commit()
    said = site.workflow(shop.folder)
    assert said.code == 1
    assert "length 11" in said.out
    records = site.cluster.kubectl("-n", site.namespace, "get", "configmaps,events", "-o", "json")
    assert canary not in records


def test_two_runs_under_one_name_are_refused(site: Site, project: Make) -> None:
    shop = project("wait")
    shop.batch("wait", "import time\ntime.sleep(20)")
    shop.commit()
    first = site.begin("workflow", f"--namespace={site.namespace}", str(shop.folder), "main")
    assert first.stdout is not None
    for line in first.stdout:
        if "creating job" in line:
            break
    [run] = site.runs()
    second = site.run("workflow", f"--namespace={site.namespace}", "--resume", f"--run={run}")
    assert second.code == 3, second.err
    assert "controls it" in second.err
    ended = site.run("cancel", f"--namespace={site.namespace}", run)
    assert ended.code == 0, ended.err
    assert site.status(run)["state"] == "cancelled"
    first.communicate(timeout=60)
    assert first.returncode == 3
