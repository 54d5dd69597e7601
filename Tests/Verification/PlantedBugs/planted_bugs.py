#!/usr/bin/env python3
"""Plants bugs into a copy of the product, and shows that the verification detects each of them.

A bug is a patch in Patches: a unified diff against this tree that changes bodies of functions, or adds functions, with a
head that says what is wrong and which engine has to detect it. All of them go into one build of a copied tree, each behind
a number: a function that a patch changes gets both bodies, and the environment variable PLANTED_BUG says at run time which
one counts. So the tree is compiled once. A patch that does not apply any more is an error that names it.
"""

import argparse
import difflib
import json
import os
import re
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

HERE = Path(__file__).parent
COPIED = ("Sources", "Tests", "Snippets", "Package.swift", "Package.resolved")
DECLARATION = re.compile(
    r"^( *)(?:@\w+(?:\([^)]*\))? |public |package |internal |private |fileprivate |static |mutating |nonisolated |final "
    r"|override |convenience |borrowing )*(?:func|init|var|subscript)\b")

SUPPORT = """import Glibc
private let plantedBug = getenv("PLANTED_BUG").flatMap { Int(String(cString: $0)) } ?? -1
/// Whether the planted bug of this number is active.
public func isPlanted(_ number: Int) -> Bool { plantedBug == number }
"""


class Bug:
    """A patch and its head: `What is wrong: ...`, `Detected by: consumers`."""

    def __init__(self, number, path):
        self.number, self.path, self.name = number, path, path.stem
        head = path.read_text().split("--- ", 1)[0]
        engine = re.search(r"^Detected by: (consumers|relays|simulator)$", head, re.M)
        if not engine:
            sys.exit(f"error: {path.name} does not say which engine has to detect it")
        self.engine = engine[1]


class Function:
    """A function, or a variable with a body, of a file: its head, and the lines of its body."""

    def __init__(self, lines, start, opened, closed, indent):
        self.start, self.closed, self.indent = start, closed, indent
        self.head = lines[start:opened + 1]
        self.body = lines[opened + 1:closed]

    def key(self):
        return "\n".join(self.head)

    def text(self, bodies=()):
        """Its lines, with the bodies of bugs: pairs of a number and a body."""
        body = self.body
        if bodies:
            body = []
            for position, (number, changed) in enumerate(bodies):
                body += [f"{self.indent}    " + ("} else " if position else "") + f"if isPlanted({number}) {{"] + changed
            body += [self.indent + "    } else {"] + self.body + [self.indent + "    }"]
        return self.head + body + [self.indent + "}"]


class Line:
    """A line outside of every function."""

    def __init__(self, text):
        self.line = text

    def key(self):
        return self.line

    def text(self):
        return [self.line]


def parts(lines):
    """A file as its outermost functions and the lines between them. The formatter's layout is taken for granted: a body ends
    with a brace in the column of its declaration."""
    found, index = [], 0
    while index < len(lines):
        match = DECLARATION.match(lines[index])
        opened = body(lines, index) if match else None
        if opened is None:
            found.append(Line(lines[index]))
            index += 1
            continue
        closed = lines.index(match[1] + "}", opened + 1)
        found.append(Function(lines, index, opened, closed, match[1]))
        index = closed + 1
    return found


def body(lines, start):
    """The line that ends with the opening brace of a declaration's body; `None` without a body."""
    depth = 0
    for index in range(start, len(lines)):
        line = re.sub(r'"(?:\\.|[^"\\])*"', '""', lines[index])
        depth += line.count("(") + line.count("[") - line.count(")") - line.count("]")
        if depth != 0:
            continue
        if line.endswith("{") and "= {" not in line:
            return index
        if not re.match(r" *(where|->|\{|throws|async)", lines[index + 1] if index + 1 < len(lines) else ""):
            return None
    return None


def expanded(text):
    """The text with functions of one line on three, so that each has a body."""
    lines = []
    for line in text.split("\n"):
        match = DECLARATION.match(line)
        if match and line.endswith(" }") and line.count("{") == line.count("}"):
            depth = 0
            for place, symbol in enumerate(line):
                depth += symbol in "([" and 1 or symbol in ")]" and -1
                if depth == 0 and line[place:place + 2] == "{ ":
                    lines += [line[:place + 1], match[1] + "    " + line[place + 2:-2], match[1] + "}"]
                    break
        else:
            lines.append(line)
    return lines


def patched(bug, tree):
    """The files that a patch changes, as it makes them: path and text. Applied to a copy, so that patches do not meet."""
    paths = re.findall(r"^\+\+\+ b/(\S+)", bug.path.read_text(), re.M)
    scratch = tree / "patching"
    shutil.rmtree(scratch, ignore_errors=True)
    for path in paths:
        (scratch / path).parent.mkdir(parents=True, exist_ok=True)
        if not Path(path).exists():
            sys.exit(f"error: the planted bug {bug.name} does not apply any more: there is no {path}")
        shutil.copy(path, scratch / path)
    command = ["git", "apply", "--unsafe-paths", "--directory", str(scratch), str(bug.path.resolve())]
    run = subprocess.run(command, capture_output=True, text=True, check=False, cwd="/")
    if run.returncode != 0 or not paths:
        sys.exit(f"error: the planted bug {bug.name} does not apply any more\n{run.stderr}")
    return [(path, (scratch / path).read_text()) for path in paths]


def combined(path, original, versions):
    """A file with the bodies of all bugs: `versions` are (bug, text)."""
    known = parts(expanded(original))
    bodies = {index: [] for index in range(len(known))}
    added = {index: [] for index in range(len(known))}
    for bug, text in versions:
        theirs = parts(expanded(text))
        matcher = difflib.SequenceMatcher(
            None, [part.key() for part in known], [part.key() for part in theirs], autojunk=False)
        changes = 0
        for tag, first, last, start, end in matcher.get_opcodes():
            if tag == "insert":
                added[first - 1] += [line for part in theirs[start:end] for line in part.text()]
            elif tag != "equal":
                sys.exit(f"error: the planted bug {bug.name} changes more of {path} than bodies of functions")
            for index in range(last - first):
                mine, other = known[first + index], theirs[start + index]
                if isinstance(mine, Function) and mine.body != other.body:
                    bodies[first + index].append((bug.number, other.body))
                    changes += 1
        if changes == 0:
            sys.exit(f"error: the planted bug {bug.name} changes no body of a function in {path}")
    lines = []
    for index, part in enumerate(known):
        lines += part.text(bodies[index]) if isinstance(part, Function) else part.text()
        lines += added[index]
    if not re.search(r"^(public |package )?import TertibCore$", original, re.M) and "Sources/TertibCore/" not in path:
        lines.insert(0, "import TertibCore")
    return "\n".join(lines)


def plant(bugs, tree):
    """Copies the tree and plants the bugs into it. A file is written only if it changes, so that the build is incremental."""
    versions = {}
    for bug in bugs:
        for path, text in patched(bug, tree):
            versions.setdefault(path, []).append((bug, text))
    wanted = {"Sources/TertibCore/PlantedBugs.swift": SUPPORT.encode()}
    listed = subprocess.run(["git", "ls-files", "-co", "--exclude-standard", *COPIED], capture_output=True, text=True, check=True)
    for path in filter(lambda path: Path(path).is_file(), listed.stdout.split("\n")):
        wanted[path] = Path(path).read_bytes()
        if path in versions:
            wanted[path] = combined(path, wanted[path].decode(), versions[path]).encode()
    for folder in ("Sources", "Tests"):
        for file in (tree / folder).rglob("*.swift"):
            if str(file.relative_to(tree)) not in wanted:
                file.unlink()
    for path, content in wanted.items():
        target = tree / path
        if not target.exists() or target.read_bytes() != content:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)


def build(tree, product):
    command = ["swift", "build", "-c", "release", "--package-path", str(tree), "--scratch-path", str(tree / ".build"), "--product", product]
    if product != "MutantSearch":
        command.append("--enable-all-traits")
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    if run.returncode != 0:
        sys.exit("error: the tree with planted bugs does not build\n" + "\n".join(re.findall(r".*error:.*", run.stdout + run.stderr)[:20]))
    return tree / ".build/release" / product


def detect(program, bug, engine, options, seed):
    """What an engine detects of a bug, with the schedules of one seed; `None` when it survives."""
    command = [str(program), "find", engine, "--seed", str(seed), "--schedules", str(options.schedules)]
    if options.bare:
        command.append("--bare")
    run = subprocess.run(command, env=dict(os.environ, PLANTED_BUG=str(bug.number)), capture_output=True, text=True, check=False)
    # A run that traps is no detection by an oracle.
    if run.returncode not in (0, 1):
        print(f"{bug.name} ends the search with {run.returncode}: {run.stderr.strip()[-300:]}")
    return json.loads(run.stdout) if run.returncode == 0 else None


def check(program, bug, options):
    """Lines of the table, and whether the engine that has to detect the bug does, with every seed."""
    lines, isDetected = [], True
    engines = [bug.engine] + (["simulator"] if bug.engine == "relays" else [])
    for engine in engines:
        # Worlds of relays are explored to their end, which no seed changes.
        seeds = [options.seed] if engine == "relays" else range(options.seed, options.seed + options.sets)
        found = [detection for seed in seeds if (detection := detect(program, bug, engine, options, seed))]
        if engine == bug.engine:
            isDetected = len(found) == len(list(seeds))
        if not found:
            lines.append(f"| {bug.name} | {engine} | survives | | | |")
            continue
        schedules = [detection["schedules"] for detection in found]
        oracles = ", ".join(sorted({detection["oracle"] for detection in found}))
        count = str(schedules[0]) if len(schedules) == 1 else f"{sum(schedules) // len(schedules)} (at most {max(schedules)}, {len(found)} of {len(list(seeds))})"
        longest = max(found, key=lambda detection: detection["steps"])
        lines.append(f"| {bug.name} | {engine} | {oracles} | {count} | {longest['steps']} | {longest['place']} |")
        if options.trace:
            lines += [f"    {number + 1}  {line}" for number, line in enumerate(longest["timeline"])]
    return lines, isDetected


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=1, help="draws other schedules")
    parser.add_argument("--schedules", type=int, default=1000, help="maximum number of schedules for a bug")
    parser.add_argument("--check", type=int, default=10_000, help="number of schedules without a bug")
    parser.add_argument("--sets", type=int, default=1, help="searches for each bug with this many seeds")
    parser.add_argument("--bare", action="store_true", help="does not make schedules smaller")
    parser.add_argument("--bug", default="", help="only bugs with one of these words in their name, separated by commas")
    parser.add_argument("--trace", action="store_true", help="prints the shrunk timelines")
    parser.add_argument("--tree", default=".build-planted-bugs", help="where the copy is built")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--explore", action="store_true", help="goes through the small worlds to their end, without bugs")
    parser.add_argument("--long", action="store_true", help="with --explore: the larger worlds too, for minutes")
    parser.add_argument("--world", default="", help="with --explore: only worlds with these words in their name")
    parser.add_argument("--list", action="store_true", help="lists the bugs with their numbers, and plants nothing")
    parser.add_argument("--plant", metavar="PRODUCT", help="only builds a product with the planted bugs, for PLANTED_BUG=NUMBER")
    options = parser.parse_args()
    bugs = [Bug(number, path) for number, path in enumerate(sorted((HERE / "Patches").glob("*.patch")), 1)]
    if options.list:
        print("\n".join(f"{bug.number:3}  {bug.name}  ({bug.engine})" for bug in bugs))
        return
    tree = Path(options.tree).resolve()
    tree.mkdir(exist_ok=True)
    plant(bugs, tree)
    program = build(tree, options.plant or "MutantSearch")
    if options.plant:
        print(program)
        return

    if options.explore:
        sys.exit(subprocess.run([str(program), "explore", options.world] + ["--long"] * options.long, check=False).returncode)

    chosen = [bug for bug in bugs if any(word in bug.name for word in options.bug.split(","))]
    if options.check:
        command = [str(program), "clean", "--seed", str(options.seed), "--schedules", str(options.check)]
        if subprocess.run(command, check=False).returncode != 0:
            sys.exit("error: without a planted bug something was found, or the rare did not happen")
    print("\n| bug | engine | detected by | schedules | steps | where |\n|---|---|---|---:|---:|---|", flush=True)
    detected = 0
    with ThreadPoolExecutor(options.jobs) as pool:
        for lines, isDetected in pool.map(lambda bug: check(program, bug, options), chosen):
            print("\n".join(lines), flush=True)
            detected += isDetected
    print(f"\n{detected} of {len(chosen)} planted bugs detected")
    if detected < len(chosen):
        sys.exit(1)


main()
