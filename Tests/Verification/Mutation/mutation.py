#!/usr/bin/env python3
"""Mutates TertibCore's decisions and shows which mutations its unit tests notice.

All mutations go into one build of a copied tree, each behind a number: `a <= b` becomes `a <=X b`, an operator of its own
that is `<` when its number is active. So the tree is compiled once, and a mutation costs one run of the tests. A place
where such an operator does not compile is left out, and counted.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

FOLDERS = ("Sequencing", "Retrying", "Wire")
# What stands for a number in an operator's name.
DIGITS = "∘∙⊕⊖⊗⊘⊙⊚⊛⊜"
COMPARISON = {"<=": "<", "<": "<=", ">=": ">", ">": ">=", "==": "!=", "!=": "=="}
LOGIC = {"&&": "||", "||": "&&"}
ARITHMETIC = {"+": "-", "-": "+"}
ASSIGNMENT = {"+=": "-=", "-=": "+="}

MANIFEST = """// swift-tools-version: 6.2
import PackageDescription
let settings: [SwiftSetting] = [
    .swiftLanguageMode(.v6), .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
]
let package = Package(
    name: "mutation",
    targets: [
        .target(name: "TertibCore", swiftSettings: settings),
        .testTarget(name: "TertibCoreTests", dependencies: ["TertibCore"], swiftSettings: settings),
    ])
"""

SUPPORT = """import Glibc
let activeMutation = getenv("MUTATION").flatMap { Int(String(cString: $0)) } ?? -1
@inline(never) func mutated(_ number: Int) -> Bool { activeMutation == number }
@inline(never) func mutated<T: BinaryInteger>(_ number: Int, _ value: T) -> T {
    activeMutation == number ? value + 1 : value
}
@inline(never) func mutated(_ number: Int, _ value: Bool) -> Bool { activeMutation == number ? !value : value }
"""


class Mutation:
    """One place and what becomes of it."""

    def __init__(self, number, file, line, start, kind, text):
        self.number, self.file, self.line, self.start, self.kind = number, file, line, start, kind
        self.what = f"{kind} {text.strip()[:70]}"


def name(symbol, number):
    return symbol + "".join(DIGITS[int(digit)] for digit in str(number))


def declaration(symbol, number):
    """The operator that is `symbol`, or its mutation when its number is active."""
    mine = name(symbol, number)
    if symbol in COMPARISON:
        kind = "Comparable" if symbol[0] in "<>" else "Equatable"
        return (f"infix operator {mine}: ComparisonPrecedence\n"
                f"func {mine} <T: {kind}>(l: T, r: T) -> Bool {{ "
                f"mutated({number}) ? l {COMPARISON[symbol]} r : l {symbol} r }}\n")
    if symbol in LOGIC:
        precedence = "LogicalConjunctionPrecedence" if symbol == "&&" else "LogicalDisjunctionPrecedence"
        return (f"infix operator {mine}: {precedence}\n"
                f"func {mine} (l: Bool, r: @autoclosure () throws -> Bool) rethrows -> Bool {{ "
                f"mutated({number}) ? try l {LOGIC[symbol]} r() : try l {symbol} r() }}\n")
    if symbol in ARITHMETIC:
        return (f"infix operator {mine}: AdditionPrecedence\n"
                f"func {mine} <T: AdditiveArithmetic>(l: T, r: T) -> T {{ "
                f"mutated({number}) ? l {ARITHMETIC[symbol]} r : l {symbol} r }}\n")
    return (f"infix operator {mine}: AssignmentPrecedence\n"
            f"func {mine} <T: AdditiveArithmetic>(l: inout T, r: T) {{ "
            f"if mutated({number}) {{ l {ASSIGNMENT[symbol]} r }} else {{ l {symbol} r }} }}\n")


def blanked(line):
    """The line without its strings and its comment, in the same length."""
    line = re.sub(r'"(?:\\.|[^"\\])*"', lambda match: '"' + "_" * (len(match[0]) - 2) + '"', line)
    comment = line.find("//")
    return line if comment < 0 else line[:comment] + " " * (len(line) - comment)


def places(code):
    """Where a line can be mutated: (start, end, kind, text)."""
    stripped = code.strip()
    if not stripped or stripped.startswith(("import", "@", "case .")) or re.search(r"\bfunc [^\w]", code):
        return
    for match in re.finditer(r" (<=|>=|==|!=|<|>|&&|\|\||\+=|-=|\+|-) (?=\S)", code):
        yield match.start(1), match.end(1), "operator", match[1]
    for match in re.finditer(r"(?<![\w.$\"])(true|false|\d+)(?![\w.\"])", code):
        if "let " not in code or "static" in code:
            yield match.start(1), match.end(1), "constant", match[1]
    condition = re.match(r"\s*(if|guard|\} else if|while) (?!let |var |case )([^,{]+?)( else)? \{\s*\}?", code)
    if condition and condition[2].count("(") == condition[2].count(")"):
        yield condition.start(2), condition.end(2), "condition", condition[1]
    balanced = code.count("(") == code.count(")") and code.count("[") == code.count("]") and "{" not in code
    statement = r"(?:[\w.]+(?:\[[^\]]*\])? (?:=|\+=|-=) .+|(?:\w+\.)*\w+\(.*\))"
    if balanced and not stripped.startswith(("return", "let", "var", "try", "precondition", "self.")):
        # Reserving capacity changes nothing that can be seen.
        if re.fullmatch(statement, stripped) and "reserveCapacity" not in stripped:
            yield len(code) - len(code.lstrip()), len(code.rstrip()), "statement", ""


def rewritten(text, kind, symbol, number):
    if kind == "operator":
        return name(symbol, number)
    if kind == "constant":
        return f"mutated({number}, {text})"
    if kind == "statement":
        return f"if !mutated({number}) {{ {text} }}"
    # A guard is dropped by being always good, the body of an if by its condition being never so.
    return f"mutated({number}) || ({text})" if symbol == "guard" else f"!mutated({number}) && ({text})"


def mutate(source, left_out, tree):
    """Writes the mutated files; the mutations, by number."""
    found, declarations = [], [SUPPORT]
    for folder in FOLDERS:
        for file in sorted((source / "Sources/TertibCore" / folder).glob("*.swift")):
            relative = f"Sources/TertibCore/{folder}/{file.name}"
            result = []
            for index, line in enumerate(file.read_text().split("\n"), 1):
                chosen = []
                for start, end, kind, symbol in places(blanked(line)):
                    if (relative, index, start, kind) in left_out:
                        continue
                    number = len(found)
                    found.append(Mutation(number, relative, index, start, kind, line[start:end]))
                    chosen.append((start, end, kind, symbol, number))
                    if kind == "operator":
                        declarations.append(declaration(symbol, number))
                for start, end, kind, symbol, number in nested(chosen):
                    line = line[:start] + rewritten(line[start:end], kind, symbol, number) + line[end:]
                result.append(line)
            (tree / relative).write_text("\n".join(result))
    (tree / "Sources/TertibCore/Mutated.swift").write_text("\n".join(declarations))
    return found


def nested(chosen):
    """From the right to the left, the inner ones first; an outer one's end moves with what is inside."""
    order = sorted(chosen, key=lambda item: (item[0], -item[1]), reverse=True)
    grown = []
    for start, end, kind, symbol, number in order:
        shift = sum(amount for place, amount in grown if start <= place < end)
        width = len(rewritten("", kind, symbol, number)) - (end - start if kind == "operator" else 0)
        grown.append((start, width))
        yield start, end + shift, kind, symbol, number


def errors(tree):
    """Where the mutated module does not compile."""
    files = [str(file) for file in sorted((tree / "Sources/TertibCore").rglob("*.swift"))]
    command = ["swiftc", "-emit-sil", "-wmo", "-o", os.devnull, "-swift-version", "6", "-package-name", "mutation", "-module-name", "TertibCore",
               "-enable-upcoming-feature", "ExistentialAny", "-enable-upcoming-feature", "MemberImportVisibility"]
    run = subprocess.run(command + files, capture_output=True, text=True, check=False)
    places = re.findall(r"(Sources/TertibCore/[\w/+]+\.swift):(\d+):\d+: error", run.stdout + run.stderr)
    if run.returncode != 0 and not places:
        sys.exit("error: the mutated tree does not compile\n" + (run.stdout + run.stderr)[-3000:])
    return {(file, int(line)) for file, line in places}


def build(tree):
    command = ["swift", "build", "--build-tests", "--package-path", str(tree)]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    if run.returncode != 0:
        sys.exit("error: the mutated tree does not build\n" + "\n".join(re.findall(r".*error:.*", run.stdout + run.stderr)))


def leave_out(errors, mutations, left_out):
    """Leaves out what stands where an error is, the large mutations before the small ones."""
    for file, line in errors:
        near = [mutation for mutation in mutations if mutation.file == file and mutation.line <= line]
        if not near:
            sys.exit(f"error: {file}:{line} does not compile, and nothing is mutated there")
        line = max(mutation.line for mutation in near)
        here = [mutation for mutation in near if mutation.line == line]
        large = [mutation for mutation in here if mutation.kind != "operator"]
        left_out |= {(file, line, mutation.start, mutation.kind) for mutation in large or here}


def is_killed(tree, number):
    binary = tree / ".build/debug/mutationPackageTests.xctest"
    command = [str(binary), "--testing-library", "swift-testing"]
    environment = dict(os.environ, MUTATION=str(number), SWIFT_BACKTRACE="enable=no")
    try:
        run = subprocess.run(command, env=environment, capture_output=True, timeout=60, check=False)
    except subprocess.TimeoutExpired:
        return True
    return run.returncode != 0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tree", default=".build-mutation", help="where the copy is built")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--limit", type=int, default=0, help="at most so many mutations, evenly chosen")
    parser.add_argument("--only", default="", help="mutations whose file:line contains this")
    options = parser.parse_args()
    source, tree = Path.cwd(), Path(options.tree).resolve()
    for folder in ("Sources/TertibCore", "Tests/TertibCoreTests"):
        shutil.rmtree(tree / folder, ignore_errors=True)
        shutil.copytree(source / folder, tree / folder)
    (tree / "Package.swift").write_text(MANIFEST)

    left_out = set()
    while True:
        mutations = mutate(source, left_out, tree)
        found = errors(tree)
        print(f"{len(mutations)} mutations, {len(found)} lines do not compile", file=sys.stderr)
        if not found:
            break
        leave_out(found, mutations, left_out)
    build(tree)
    if is_killed(tree, -1):
        sys.exit("error: the tests fail without a mutation")
    chosen = [mutation for mutation in mutations if options.only in f"{mutation.file}:{mutation.line}"]
    if options.limit and len(chosen) > options.limit:
        chosen = [chosen[index * len(chosen) // options.limit] for index in range(options.limit)]

    started = time.monotonic()
    with ThreadPoolExecutor(options.jobs) as pool:
        verdicts = list(pool.map(lambda mutation: is_killed(tree, mutation.number), chosen))
    survivors = [mutation for mutation, killed in zip(chosen, verdicts) if not killed]
    for mutation in survivors:
        print(f"{mutation.file}:{mutation.line}: {mutation.what}")
    killed = len(chosen) - len(survivors)
    print(f"{killed} of {len(chosen)} mutations killed ({100 * killed / max(1, len(chosen)):.1f} %) in "
          f"{time.monotonic() - started:.0f} s; {len(left_out)} places could not be mutated")


main()
