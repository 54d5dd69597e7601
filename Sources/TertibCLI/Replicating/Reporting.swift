import TertibRuntime
import TertibCore
import TertibTerminal

/// Tells what a running replica does: a line that is drawn anew each second on a terminal, JSON lines for machines.
struct Reporting: Sendable {
    let console: Console
    /// Whether one JSON document is wanted at the end.
    let isJSON: Bool
    /// How often a JSON line is wanted meanwhile.
    let interval: Duration?

    /// Says what is to come, on a terminal.
    func begin() async {
        guard console.error.isInteractive, interval == nil else { return }
        console.note("Waiting for events; Ctrl-C ends it after the batch in hand.")
    }

    /// Reports until cancelled.
    func run(_ consumer: Consumer, named name: ConsumerName, of tertib: EventBus) async {
        let pause = interval ?? .seconds(1)
        guard interval != nil || console.error.isInteractive else { return }
        var before = ConsumerCounts()
        while true {
            do {
                try await Task.sleep(for: pause)
            } catch {
                return  // cancelled: the replica has stopped
            }
            let counts = consumer.counts
            if interval != nil {
                console.write(counts.document(of: name))
            } else {
                // A broker that is away only costs this line its lag.
                let durable = try? await tertib.log.consumerState(tertib.options.durableName(of: name))
                let lag = durable.map { $0.pending + UInt64(max(0, $0.acknowledgementPending)) }
                draw(Self.line(counts, since: before, lag: lag))
            }
            before = counts
        }
    }

    /// Says what was done.
    func end(_ counts: ConsumerCounts, of name: ConsumerName) {
        if isJSON || interval != nil { console.write(counts.document(of: name)) }
        if console.error.isInteractive, interval == nil { draw(Self.line(counts, since: counts, lag: nil) + "\n") }
    }

    private func draw(_ line: String) {
        Console.send("\r\u{1B}[K" + DisplayText.cut(line, to: max(1, (console.error.width ?? 80) - 1)), to: 2)
    }

    /// `applied 12,345 (1,200/s)  lag 12  stale 3  held 2  parked 1  repaired 0  conflicts 4`
    static func line(_ counts: ConsumerCounts, since before: ConsumerCounts, lag: UInt64?) -> String {
        let rate = counts.applied - before.applied
        var parts = ["applied \(Words.count(counts.applied))" + (rate > 0 ? " (\(Words.count(rate))/s)" : "")]
        if let lag { parts.append("lag \(Words.count(lag))") }
        for (name, count) in [
            ("stale", counts.stale), ("held", counts.held), ("parked", counts.parked), ("repaired", counts.repaired),
            ("conflicts", counts.conflicts),
        ] {
            parts.append("\(name) \(Words.count(count))")
        }
        if counts.deadLettered > 0 { parts.append("dead letters \(Words.count(counts.deadLettered))") }
        return parts.joined(separator: "  ")
    }
}

extension ConsumerCounts {
    /// What `--stats-interval` and `--json` print.
    func document(of consumer: ConsumerName) -> JSONValue {
        [
            "consumer": .text(consumer), "delivered": .number(delivered), "applied": .number(applied),
            "appliedFromDelivery": .number(appliedFromDelivery), "drained": .number(drained),
            "repaired": .number(repaired), "retried": .number(retried), "stale": .number(stale),
            "waiting": .number(waiting), "held": .number(held), "parked": .number(parked),
            "deadLettered": .number(deadLettered), "malformed": .number(malformed), "ignored": .number(ignored),
            "letGo": .number(letGo), "conflicts": .number(conflicts), "batches": .number(batches),
            "failures": .number(failures), "pauses": .number(pauses),
        ]
    }
}
