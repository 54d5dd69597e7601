"""The history of a git repository as events, a file an aggregate, in a wild order through three replicas: the table
equals the repository's tree. Without a large repository at hand, one is made from the seed."""

from __future__ import annotations

import subprocess
from pathlib import Path
from random import Random

from bench.bench import Bench
from bench.faults import FaultPlan
from bench.publishing import publish_all
from bench.verdict import check_outcome, newest
from bench.waiting import check
from bench.wire import Event, seeded_id

CHANGES = 20_000
HOTTEST = 683


def git(repository: Path, *arguments: str, given: bytes | None = None) -> bytes:
    return subprocess.run(
        ["git", "-C", repository, "-c", "safe.directory=*", *arguments], input=given, capture_output=True, check=True
    ).stdout


def path_names(random: Random, count: int) -> list[str]:
    """Paths as repositories have them: folders, dots, spaces, letters beyond ASCII."""
    folders = ["Sources/Core", "Sources/Net.HTTP/v1.1", "docs", "docs/größe", ".github/workflows", "Tests/a b", "日本"]
    endings = ["swift", "md", "tar.gz", "c++", "json", "*", "%41"]
    return [f"{random.choice(folders)}/file-{index}.{random.choice(endings)}" for index in range(count)]


def synthesise(folder: Path, random: Random, changes: int, hottest: int) -> Path:
    """A bare repository with so many changes of files, a few of them many times, some files deleted in the end."""
    paths = path_names(random, changes // 8)
    weights = [1 / (rank + 8) for rank in range(len(paths))]
    touched = [paths[0]] * hottest + random.choices(paths[1:], weights[1:], k=changes - hottest)
    random.shuffle(touched)
    doomed = set(random.sample(paths[1:], len(paths) // 10))
    last = {path: index for index, path in enumerate(touched)}
    first = {path: index for index, path in reversed(list(enumerate(touched)))}
    stream = bytearray()
    for index, path in enumerate(touched):
        stream += f"commit refs/heads/main\ncommitter A <a@example.org> {index} +0000\ndata 1\nx\n".encode()
        quoted = path.encode()
        if path in doomed and first[path] < index == last[path]:
            stream += b"D " + quoted + b"\n"
        else:
            content = f"{path} {index}".encode()
            stream += b"M 100644 inline " + quoted + f"\ndata {len(content)}\n".encode() + content + b"\n"
    repository = folder / "repository.git"
    subprocess.run(["git", "init", "-q", "--bare", "-b", "main", repository], check=True)
    git(repository, "fast-import", "--quiet", given=bytes(stream))
    return repository


def is_identifier(path: bytes) -> bool:
    """Whether a path can be an aggregate's id: 1 to 128 bytes of UTF-8."""
    try:
        return len(path) <= 128 and path.decode().isprintable()
    except UnicodeDecodeError:
        return False


def history(repository: Path, random: Random, goal: int) -> tuple[list[Event], str]:
    """Each change of a file as the next version of its aggregate, oldest first, up to the commit that reaches the goal;
    and that commit."""
    raw = git(repository, "log", "--reverse", "--first-parent", "-m", "--raw", "--no-abbrev", "--no-renames", "-z",
              "--format=%H")
    fields = iter(field.strip(b"\n") for field in raw.split(b"\0"))
    events: list[Event] = []
    versions: dict[str, int] = {}
    commit = ""
    for field in fields:
        if not field.startswith(b":"):
            if len(events) >= goal:
                break
            commit = field.decode() or commit
            continue
        path = next(fields)
        _, mode, _, blob, status = field.decode().lstrip(":").split(" ")
        if not is_identifier(path):
            continue
        name = path.decode()
        versions[name] = versions.get(name, 0) + 1
        data = {"deleted": True} if status == "D" else {"blob": blob, "mode": mode}
        events.append(Event("file", name, versions[name], "file.changed", data, seeded_id(random)))
    return events, commit


def tree(repository: Path, commit: str) -> dict[str, str]:
    """The blobs of a commit's tree, by path."""
    entries = (line.split(b"\t", 1) for line in git(repository, "ls-tree", "-r", "-z", commit).split(b"\0") if line)
    return {path.decode(): about.split()[2].decode() for about, path in entries if is_identifier(path)}


async def run(bench: Bench) -> str:
    random = bench.random("git history")
    changes, hottest = (6_000, 400) if bench.short else (CHANGES, HOTTEST)
    repository = bench.settings.repository or synthesise(bench.folder, random, changes, hottest)
    events, commit = history(repository, random, changes)
    check(len(events) >= changes, f"the repository has {len(events)} changes, fewer than {changes}")
    load = list(events)
    random.shuffle(load)

    broker = await bench.broker()
    client = await broker.connect()
    jetstream = client.jetstream()
    service = bench.service(broker, acknowledgementWait="5s")
    await service.start(3, jetstream)
    plan = FaultPlan(random, len(load), kills=3, broker_kills=0)
    for start in range(0, len(load), 256):
        await publish_all(jetstream, load[start : start + 256])
        await plan.act(start + 256, service, broker, jetstream)
    await service.rest(jetstream, timeout=180)

    expected = newest(events)
    check_outcome(service, expected)
    rows = service.rows("SELECT aggregate_id, json_extract(data, '$.blob') FROM tertib_replica "
                        "WHERE json_extract(data, '$.blob') IS NOT NULL")
    table = {path.decode(): blob.decode() for path, blob in rows}
    check(table == tree(repository, commit), f"the table is not the tree of {commit}")
    await service.stop_all()
    await client.close()
    most = max(event.version for event in events)
    return f"the table equals the tree: {len(events)} changes of {len(expected)} files, one of them {most} times"
