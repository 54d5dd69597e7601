import ArgumentParser
import Foundation
import TertibRuntime
import TertibCore
import TertibTerminal

/// `tertib publish`
struct PublishCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "publish",
        abstract: "Append one event to an aggregate's history, or many from a file.",
        usage: """
            tertib publish --config <file> --aggregate <type/id> --type <event type> --data <json> \
            [--expected-version <n>] [--event-id <id>] [--force] [--json]
            tertib publish --config <file> --file <file> [--force] [--json]
            """,
        discussion: """
            The broker enforces --expected-version: of several writers at one version one wins, the others end with \
            1 and have written nothing. Without it the event follows whatever the aggregate has.

              tertib publish --config shop.json --aggregate product/42 \\
                  --type product.priced --data '{"price":1200}' --expected-version 6
              tertib publish --config shop.json --file events.jsonl
              generate-events | tertib publish --config shop.json --file -

            A file has an event a line, with "expectedVersion":6 where one is expected:

              {"aggregate":"product/42","type":"product.priced","data":{"price":1200}}

            A bad line is reported before anything is sent. Different aggregates are published at the same time, the \
            lines of one in their order.

            The configuration's "publishes" says which types this service appends to; --force appends to others.
            """)

    @Option(
        name: .long, parsing: .unconditional,
        help: ArgumentHelp("The aggregate, raw, split at the first slash.", valueName: "type/id"))
    var aggregate: String?

    @Option(
        name: .long, parsing: .unconditional,
        help: ArgumentHelp("What happened, such as product.priced.", valueName: "event type"))
    var type: String?

    @Option(
        name: .long, parsing: .unconditional,
        help: ArgumentHelp("The payload as JSON; - reads it from standard input.", valueName: "json"))
    var data: String?

    @Option(
        name: .long, parsing: .unconditional,
        help: ArgumentHelp(
            "The version that the aggregate must have now; 0 for none yet. Otherwise nothing is written.",
            valueName: "n"))
    var expectedVersion: Int64?

    @Option(
        name: .long, parsing: .unconditional,
        help: ArgumentHelp(
            "The event's id, so that a repetition is recognised; minted when it is left out.", valueName: "id"))
    var eventId: String?

    @Option(
        name: .long, parsing: .unconditional,
        help: ArgumentHelp(
            "Publish the events of a file, one JSON object a line; - is standard input.", valueName: "file"),
        completion: .file(extensions: ["jsonl"]))
    var file: String?

    @Flag(name: .long, help: "Append although \"publishes\" does not say that this service appends to the type.")
    var force = false

    @OptionGroup var common: CommonOptions

    func validate() throws {
        let single: [String?] = [aggregate, type, data, eventId, expectedVersion.map { String($0) }]
        if file != nil {
            guard single.allSatisfy({ $0 == nil }) else {
                throw ValidationError(
                    "--file goes with none of --aggregate, --type, --data, --expected-version, --event-id")
            }
        } else if aggregate == nil || type == nil || data == nil {
            throw ValidationError("give either --aggregate, --type and --data, or --file")
        }
        if let expectedVersion, AggregateVersion(expectedVersion) == nil {
            throw ValidationError("--expected-version is a number from 0 to 2^53 - 1")
        }
    }

    func run() async throws {
        if let file {
            try await publish(file: file)
        } else if let aggregate, let type, let data {
            try await publish(
                NewEvent(
                    type: try EventType(type), json: data == "-" ? try InputFile.read("-") : Array(data.utf8),
                    id: try eventId.map { try EventID($0) }),
                to: try Aggregate(parsing: aggregate))
        }
    }

    private func publish(_ event: NewEvent, to aggregate: Aggregate) async throws {
        let expected = expectedVersion.flatMap { AggregateVersion($0) }
        let receipt = try await OpenedService.with(common) { service in
            try await append(event, to: aggregate, expecting: expected, with: service.tertib)
        }
        let console = Console.standard
        if common.output.json {
            console.write(receipt.document)
        } else {
            let earlier = receipt.isDuplicate ? ", where an earlier attempt had stored it" : ""
            console.write(
                SafeText.escaped(
                    "Published version \(receipt.version) of \(receipt.aggregate): stream \(receipt.stream), "
                        + "sequence \(receipt.sequence)\(earlier)."))
            console.write("Token: \(receipt.token)")
        }
    }

    private func append(
        _ event: NewEvent, to aggregate: Aggregate, expecting expected: AggregateVersion?, with tertib: EventBus
    ) async throws -> PublishReceipt {
        let receipts = try await tertib.append([event], to: aggregate, expecting: expected, force: force)
        guard let receipt = receipts.first else { preconditionFailure("an event was appended without a receipt") }
        return receipt
    }
}

extension PublishCommand {
    private func publish(file: String) async throws {
        let (events, problems) = EventLineReader.read(lines: try InputFile.read(file))
        if !problems.isEmpty { throw Failure(problems, in: file) }
        let started = ContinuousClock.now
        let outcome = try await OpenedService.with(common) { service in
            if !force { try refuseForeign(events, of: service.tertib, in: file) }
            let bar = ProgressBar("Publishing", unit: "events")
            defer { bar.finish() }
            let publisher = BulkPublisher(tertib: service.tertib, force: force) { bar.advance($0, of: events.count) }
            return await publisher.publish(events)
        }
        show(outcome, of: file, after: ContinuousClock.now - started)
        if let first = outcome.failures.first {
            throw ExitCode(first.failure.status.rawValue)
        }
    }

    /// Refuses, before anything is sent, a file with events that this service does not append.
    private func refuseForeign(_ events: [EventLine], of tertib: EventBus, in file: String) throws {
        guard let line = events.first(where: { tertib.options.publishes[$0.aggregate.type] != .append }) else { return }
        throw Failure(
            status: .unusable, code: "not-owner", what: "\(file):\(line.number) cannot be published",
            why: "this service does not append to \(line.aggregate.type); nothing was sent",
            next: "Add \"\(line.aggregate.type)\": \"append\" to \"publishes\", or use --force if you know what you do."
        )
    }

    private func show(_ outcome: BulkPublisher.Outcome, of file: String, after elapsed: Duration) {
        let console = Console.standard
        if common.output.json {
            console.write(outcome.document(after: elapsed))
        } else {
            let rate = Double(outcome.published) / max(0.001, elapsed / .seconds(1))
            console.write(
                "Published \(Words.count(outcome.published, "event")) of "
                    + "\(Words.count(outcome.aggregates, "aggregate")) in \(Words.duration(elapsed)) "
                    + "(\(Words.count(Int(rate)))/s).")
        }
        for (line, failure) in outcome.failures.prefix(10) {
            var named = failure
            named.what = "\(file):\(line.number): \(failure.what)"
            for text in named.lines(for: console.error) { console.note(text) }
        }
        if outcome.failures.count > 10 {
            console.note("... and \(Words.count(outcome.failures.count - 10)) more failed.")
        }
        if outcome.skipped > 0 {
            console.note("\(Words.count(outcome.skipped, "later line")) of these aggregates were not tried.")
        }
    }
}

extension Failure {
    /// Lines that cannot be read.
    init(_ problems: [LineProblem], in file: String) {
        let name = file == "-" ? "standard input" : file
        let shown = problems.prefix(20).map { "line \($0.line): \($0.problem)" }
        let rest = problems.count > 20 ? ["... and \(problems.count - 20) more"] : []
        self.init(
            status: .unusable, code: "bad-lines",
            what: "\(name) has \(Words.count(problems.count, "line")) that cannot be published; nothing was sent",
            why: (shown + rest).joined(separator: "\n"),
            next: "A line is {\"aggregate\":\"product/42\",\"type\":\"product.priced\",\"data\":{...}}, with "
                + "\"expectedVersion\":6 where one is expected.",
            details: [
                .init(
                    key: "lines",
                    value: .array(
                        problems.map { ["line": .number($0.line), "problem": .string($0.problem)] }))
            ])
    }
}

extension PublishReceipt {
    /// What `--json` prints.
    var document: JSONValue {
        [
            "aggregate": .text(aggregate), "version": .number(version.number), "eventId": .text(eventID),
            "stream": .text(stream), "sequence": .number(sequence.number), "duplicate": .bool(isDuplicate),
            "token": .text(token),
        ]
    }
}

extension BulkPublisher.Outcome {
    /// What `--json` prints.
    func document(after elapsed: Duration) -> JSONValue {
        [
            "published": .number(published), "aggregates": .number(aggregates),
            "lastSequence": .number(lastSequence?.number), "seconds": .double(elapsed / .seconds(1)),
            "failed": .array(
                failures.map { line, failure in
                    guard case .object(let members) = failure.document else { return .null }
                    return .object(
                        [
                            .init(key: "line", value: .number(line.number))
                        ] + members.filter { $0.key != "aggregate" } + [
                            .init(key: "aggregate", value: .text(line.aggregate))
                        ])
                }),
            "skipped": .number(skipped),
        ]
    }
}
