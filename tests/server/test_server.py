"""The server through real clients: in memory and over stdio, in both protocol modes."""

import base64
import json
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import pytest
from mcp import Client, MCPError, StdioServerParameters
from mcp.types import (
    CallToolResult,
    ListRootsResult,
    PromptReference,
    ResourceTemplateReference,
    Root,
    TextContent,
)

from advisor.jobs import service
from advisor_mcp.server import build_server
from advisor_mcp.settings import Settings
from tests.jobs.processes import kill, wait_until_gone, wait_until_training

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("home")]

TOOLS = {
    "diagnose_curves",
    "recommend_recipe",
    "lint_recipe",
    "explain_technique",
    "start_verification",
    "get_job",
    "wait_for_job",
    "cancel_job",
    "list_jobs",
}
SPEC: dict[str, Any] = {
    "data": {"builtin": "wine"},
    "model": {"name": "mlp", "arguments": {"width": 8}},
    "baseline": {"lr": 0.01, "epochs": 3},
    "arms": {"slow": {"lr": 0.001}},
    "design": {"max_blocks": 2},
}
LONG = {**SPEC, "baseline": {"lr": 0.01, "epochs": 150}, "design": {"max_blocks": 6}}
ENDLESS = {**LONG, "baseline": {"lr": 0.01, "epochs": 1000}}  # to be cancelled
OWN_SCRIPT: dict[str, Any] = {
    "command": "python train.py --seed {seed}",
    "report": {"metric": "accuracy", "direction": "max"},
    "aa": True,
}
OVERFIT = {
    "train": [1.0 / (1 + 0.3 * i) for i in range(40)],
    "validation": [0.6 + 0.001 * (i - 12) ** 2 for i in range(40)],
}


@asynccontextmanager
async def connect(transport: str, *options: str, mode: Any = "auto", **callbacks: Any) -> AsyncIterator[Client]:
    """A client of a fresh server. `options` are those of `regadvisor serve`; in memory only --allow-code counts."""
    if transport == "memory":
        target: Any = build_server(Settings(allow_code="--allow-code" in options))
    else:
        target = StdioServerParameters(
            command=sys.executable,
            args=["-m", "advisor.cli", "serve", *options],
            env={"REGADVISOR_HOME": os.environ["REGADVISOR_HOME"]},
        )
    async with Client(target, mode=mode, read_timeout_seconds=60, **callbacks) as client:
        yield client


def text_of(result: CallToolResult) -> str:
    """The text parts of a result."""
    return "\n".join(part.text for part in result.content if isinstance(part, TextContent))


def structure_of(result: CallToolResult) -> dict[str, Any]:
    """The structured part of a result that is no error."""
    assert not result.is_error, text_of(result)
    assert result.structured_content is not None
    return result.structured_content


@pytest.mark.parametrize("mode", ["auto", "legacy"])
@pytest.mark.parametrize("transport", ["memory", "stdio"])
async def test_a_client_goes_from_curves_to_evidence(transport: str, mode: str, tmp_path: Path) -> None:
    async with connect(transport, mode=mode) as client:
        assert {tool.name for tool in (await client.list_tools()).tools} == TOOLS
        diagnosed = await client.call_tool("diagnose_curves", OVERFIT)
        assert structure_of(diagnosed)["findings"][0]["kind"] == "overfitting"
        picture = next(part for part in diagnosed.content if part.type == "image")
        assert base64.b64decode(picture.data).startswith(b"\x89PNG")
        recommended = structure_of(
            await client.call_tool(
                "recommend_recipe", {"modality": "table", "train_size": 100, "classes": 3, "model": "mlp"}
            )
        )
        assert recommended["steps"]
        assert recommended["arms"]
        linted = await client.call_tool("lint_recipe", {"spec": {**SPEC, "arms": recommended["arms"]}})
        assert "findings" in structure_of(linted)
        explained = await client.call_tool("explain_technique", {"name": "mixup", "other": "label_smoothing"})
        assert "mixup" in text_of(explained).lower()

        started = structure_of(await client.call_tool("start_verification", {"spec": SPEC}))
        assert started["job"]["state"] in {"queued", "running"}, "a tool that trains answers at once"
        job_id, told = started["job"]["job_id"], []

        async def progress(value: float, total: float | None, message: str | None) -> None:
            told.append((value, total, message))

        for _ in range(6):
            waited = await client.call_tool("wait_for_job", {"job_id": job_id}, progress_callback=progress)
            if structure_of(waited)["job"]["state"] not in {"queued", "running"}:
                break
        assert structure_of(waited)["job"]["state"] == "done", text_of(waited)
        assert told
        looked = await client.call_tool("get_job", {"job_id": job_id})
        arm = structure_of(looked)["evidence"]["results"]["arms"][0]
        assert arm["name"] == "slow"
        assert arm["verdict"] in {"helps", "hurts", "equivalent", "undecided"}
        assert any(part.type == "image" for part in looked.content)
        listed = structure_of(await client.call_tool("list_jobs", {}))
        assert [job["job_id"] for job in listed["jobs"]] == [job_id]
        cancelled = structure_of(await client.call_tool("cancel_job", {"job_id": job_id}))
        assert cancelled["job"]["state"] == "done", "a finished job stays done"

        prompt = await client.get_prompt("regularization_expert", {"modality": "image", "observed": "val loss rises"})
        assert "val loss rises" in prompt.messages[0].content.text  # type: ignore[union-attr]
        skill = (await client.read_resource("skill://regularization-expert/SKILL.md")).contents[0]
        assert "regularization-expert" in skill.text  # type: ignore[union-attr]
        for uri in (
            "skill://regularization-expert/references/techniques.md",
            "technique://mixup",
            f"job://{job_id}/report",
        ):
            content = (await client.read_resource(uri)).contents[0]
            assert len(content.text) > 300, uri  # type: ignore[union-attr]
        names = await client.complete(
            ResourceTemplateReference(uri="technique://{name}"), {"name": "name", "value": "mi"}
        )
        assert names.completion.values == ["mixup"]
        kinds = await client.complete(PromptReference(name="regularization_expert"), {"name": "modality", "value": "t"})
        assert kinds.completion.values == ["table", "text"]


async def test_a_client_verifies_its_own_script_where_code_is_allowed(tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text(
        "import random, sys\n"
        "value = random.Random(int(sys.argv[1])).random() + float(sys.argv[2])\n"
        "print('{\"test_accuracy\": %r}' % value)\n"
    )
    spec = {
        "command": "python -S {script} {seed} {gain}",
        "report": {"metric": "test_accuracy", "direction": "max"},
        "baseline": {"script": "train.py", "gain": 0},
        "arms": {"more": {"gain": 0.25}},
        "design": {"max_blocks": 3},
    }

    async def roots(_: Any) -> ListRootsResult:
        return ListRootsResult(roots=[Root(uri=tmp_path.as_uri())])  # type: ignore[arg-type]

    async with connect("memory", "--allow-code", list_roots_callback=roots) as client:
        tools = {tool.name: tool for tool in (await client.list_tools()).tools}
        described = tools["start_verification"].input_schema["properties"]["spec"]["description"]
        assert all(f"{key}:" in described for key in ("command", "log", "report", "baseline", "arms")), described
        job_id = structure_of(await client.call_tool("start_verification", {"spec": spec}))["job"]["job_id"]
        for _ in range(4):
            waited = await client.call_tool("wait_for_job", {"job_id": job_id})
            if structure_of(waited)["job"]["state"] not in {"queued", "running"}:
                break
        assert structure_of(waited)["job"]["state"] == "done", text_of(waited)
        results = structure_of(waited)["evidence"]["results"]
        assert results["arms"][0]["comparison"]["differences"] == pytest.approx([0.25] * 3)
        assert "more" in text_of(waited)
        elsewhere = {**spec, "baseline": {"script": "../train.py", "gain": 0}}
        refused = await client.call_tool("start_verification", {"spec": elsewhere})
        assert refused.is_error
        assert "outside the spec's folder" in text_of(refused)


async def test_progress_only_rises_and_cancel_ends_the_workers() -> None:
    async with connect("memory") as client:
        job_id = structure_of(await client.call_tool("start_verification", {"spec": ENDLESS}))["job"]["job_id"]
        told: list[float] = []

        async def progress(value: float, total: float | None, message: str | None) -> None:
            told.append(value)

        await anyio.to_thread.run_sync(wait_until_training, job_id, 1)
        await client.call_tool("wait_for_job", {"job_id": job_id, "seconds": 3}, progress_callback=progress)
        assert told == sorted(set(told))
        assert structure_of(await client.call_tool("cancel_job", {"job_id": job_id}))["job"]["state"] == "cancelled"
        assert wait_until_gone(job_id, "worker") == []


async def test_a_job_outlives_a_killed_server_and_a_new_one_reports_it() -> None:
    parameters = [sys.executable, "-m", "advisor.cli", "serve"]
    process = await anyio.open_process(parameters, stdin=-1, stdout=-1, stderr=-3)
    assert process.stdin
    assert process.stdout
    handshake = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}}
    call = {"name": "start_verification", "arguments": {"spec": LONG}}
    for message in (
        {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": handshake},
        {"jsonrpc": "2.0", "method": "notifications/initialized"},
        {"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": call},
    ):
        await process.stdin.send(json.dumps(message).encode() + b"\n")
    received = b""
    with anyio.fail_after(60):
        while b'"id":2' not in received:
            received += await process.stdout.receive()
    process.kill()
    await process.wait()
    await process.aclose()
    job_id = service.list_jobs()[0].job_id
    assert service.show(job_id).active, "the job goes on without its server"
    assert (await anyio.to_thread.run_sync(service.wait, job_id, 120)).state == "done"
    async with connect("stdio") as client:
        looked = await client.call_tool("get_job", {"job_id": job_id, "picture": False})
        assert structure_of(looked)["job"]["state"] == "done"


async def test_starting_an_interrupted_job_again_continues_it() -> None:
    async with connect("memory") as client:
        job_id = structure_of(await client.call_tool("start_verification", {"spec": LONG}))["job"]["job_id"]
        await anyio.to_thread.run_sync(wait_until_training, job_id, 2)
        kill(job_id, "driver")
        waited = structure_of(await client.call_tool("wait_for_job", {"job_id": job_id}))
        assert waited["job"]["state"] == "interrupted"
        again = structure_of(await client.call_tool("start_verification", {"spec": LONG}))
        assert again["job"]["job_id"] == job_id
        assert again["job"]["state"] in {"queued", "running"}
        await client.call_tool("cancel_job", {"job_id": job_id})


@pytest.mark.parametrize(
    ("tool", "arguments", "words"),
    [
        ("diagnose_curves", {}, ["either path, or train and validation"]),
        ("diagnose_curves", {"path": "no_such.csv"}, ["no_such.csv"]),
        ("diagnose_curves", {"path": "../../../etc/passwd"}, ["outside the folders", "--root"]),
        ("diagnose_curves", {"train": []}, ["empty"]),
        ("diagnose_curves", {"train": [1.0, 2.0], "run": 3}, ["run 3", "1 runs"]),
        ("diagnose_curves", {**OVERFIT, "train_series": "train_los"}, ["'train_los'", "nearest first: train_loss"]),
        ("diagnose_curves", {"pth": "x.csv"}, ["pth", "not permitted"]),
        ("recommend_recipe", {"modality": "video"}, ["video", "image"]),
        ("lint_recipe", {}, ["either path or spec"]),
        ("explain_technique", {"name": "dropuot"}, ["'dropuot'", "dropout"]),
        ("start_verification", {}, ["either spec or spec_path"]),
        ("start_verification", {"spec": {**SPEC, "colour": 1}}, ["unknown key 'colour'"]),
        ("start_verification", {"spec": {**SPEC, "metric": "acuracy"}}, ["'acuracy'", "accuracy"]),
        ("start_verification", {"spec": {**SPEC, "model": {"entry": "a:b"}}}, ["--allow-code"]),
        ("start_verification", {"spec": {**SPEC, "python": "/bin/sh"}}, ["--allow-code"]),
        ("start_verification", {"spec": OWN_SCRIPT}, ["command", "regadvisor serve --allow-code"]),
        ("get_job", {"job_id": "nothing"}, ["'nothing'", "no jobs yet"]),
        ("wait_for_job", {"job_id": "nothing", "seconds": 99}, ["25"]),
    ],
)
async def test_a_wrong_call_gets_words_to_act_on(tool: str, arguments: dict[str, Any], words: list[str]) -> None:
    async with connect("memory") as client:
        result = await client.call_tool(tool, arguments)
        assert result.is_error
        assert all(word in text_of(result) for word in words), text_of(result)
        assert "Traceback" not in text_of(result)


async def test_unknown_resources_are_not_found() -> None:
    async with connect("memory") as client:
        for uri in ("technique://nothing", "job://nothing/report", "skill://regularization-expert/references/x.md"):
            with pytest.raises(MCPError):
                await client.read_resource(uri)


async def test_only_the_clients_roots_are_read(tmp_path: Path) -> None:
    inside, outside = tmp_path / "inside", tmp_path / "outside"
    for folder in (inside, outside):
        folder.mkdir()
        (folder / "log.csv").write_text(
            "epoch,train_loss,val_loss\n" + "".join(f"{i},{1 / (i + 1)},{1 / (i + 1)}\n" for i in range(9))
        )
    (inside / "link.csv").symlink_to(outside / "log.csv")

    async def roots(_: Any) -> ListRootsResult:
        return ListRootsResult(roots=[Root(uri=inside.as_uri())])  # type: ignore[arg-type]

    for mode in ("auto", "legacy"):
        async with connect("memory", mode=mode, list_roots_callback=roots) as client:
            allowed = await client.call_tool("diagnose_curves", {"path": "log.csv", "picture": False})
            assert not allowed.is_error, text_of(allowed)
            for path in (str(outside / "log.csv"), "link.csv", "../outside/log.csv"):
                refused = await client.call_tool("diagnose_curves", {"path": path})
                assert refused.is_error
                assert "outside the folders" in text_of(refused)


async def test_the_list_of_tools_is_small_and_every_argument_is_described_or_plain() -> None:
    async with connect("memory") as client:
        tools = (await client.list_tools()).tools
    size = len(json.dumps([tool.model_dump(mode="json", by_alias=True, exclude_none=True) for tool in tools]))
    assert size / 4 < 3000, f"tools/list is about {size / 4:.0f} tokens"
    for tool in tools:
        assert tool.description
        assert tool.input_schema["additionalProperties"] is False
