import Foundation
import TertibRuntime
import TertibConfiguration
import TertibCore
import TertibTerminal

/// What there is to say about a service's database; it is opened and read, and neither created nor upgraded.
struct StoreExamination: Sendable {
    private(set) var findings: [Finding] = []
    /// The rows that tie consumers to this database and to their stream.
    private(set) var registrations: [ConsumerName: ConsumerRegistration] = [:]
    /// The highest stream sequence of any watermark.
    private var highestSequence = StreamSequence.none

    /// Examines the database of a configuration.
    static func run(_ configuration: ServiceConfiguration) async throws -> StoreExamination {
        var examination = StoreExamination()
        switch configuration.store {
        case .sqlite(let path):
            await examination.examine(file: path, configuration)
        case .postgres:
            await examination.examineServer(configuration)
        }
        return examination
    }

    /// What the stream makes of the watermarks.
    func findings(against stream: StreamState) -> [Finding] {
        var findings: [Finding] = []
        for (name, registration) in registrations.sorted(by: { $0.key < $1.key })
        where registration.stream != stream.name || registration.streamCreatedAt != stream.createdAt {
            findings.append(
                Finding(
                    .fail, "store-stream",
                    "\(name): its watermarks speak of the stream \(registration.stream) created at "
                        + "\(registration.streamCreatedAt), and \(stream.name) was created at \(stream.createdAt)",
                    advice: "Restore that stream, or start with a fresh database."))
        }
        if findings.isEmpty, highestSequence > stream.lastSequence {
            findings.append(
                Finding(
                    .fail, "store-ahead",
                    "the database knows stream sequence \(highestSequence), and the stream ends at "
                        + "\(stream.lastSequence): the broker has lost its tail",
                    advice: "`tertib audit` lists what is ahead."))
        }
        return findings
    }

    private mutating func examine(file path: String, _ configuration: ServiceConfiguration) async {
        guard FileManager.default.fileExists(atPath: path) else {
            findings.append(Finding(.info, "store-missing", "\(path) is created when the service starts"))
            return
        }
        if !FileManager.default.isWritableFile(atPath: path) {
            findings.append(
                Finding(.fail, "store-permissions", "\(path) is not writable", advice: "Give this user the file."))
        }
        examineRoom(path)
        await withStore(configuration) { examination, store in
            await examination.examineFile(store)
            await examination.examineTables(store, configuration)
        }
    }

    /// Opens the database for a look, which neither creates nor upgrades its tables.
    mutating func withStore(
        _ configuration: ServiceConfiguration,
        _ body: (inout StoreExamination, any ConsumerStore) async -> Void
    ) async {
        do {
            let store = try await configuration.makeStore(RuntimeContext())
            await body(&self, store)
            await store.close()
        } catch let error as ConfigurationError {
            add(Finding(.fail, "store-open", error.what, advice: error.whatToDo))
        } catch {
            add(Self.unreadable(error, as: "store-open"))
        }
    }

    mutating func add(_ finding: Finding) { findings.append(finding) }

    static func unreadable(_ error: any Error, as check: String) -> Finding {
        guard let error = error as? StoreError else { return Finding(.fail, check, "\(error)") }
        return Finding(.fail, check, error.reason, advice: error.advice)
    }

    private mutating func examineRoom(_ path: String) {
        let folder = URL(fileURLWithPath: path).deletingLastPathComponent().path
        // A file system that does not tell its size is not judged.
        guard let attributes = try? FileManager.default.attributesOfFileSystem(forPath: folder),
            let free = (attributes[.systemFreeSize] as? NSNumber)?.int64Value
        else { return }
        if free < 1 << 28 {
            findings.append(
                Finding(
                    free < 1 << 24 ? .fail : .warn, "store-room",
                    "\(folder) has only \(free >> 20) MiB left", advice: "Make room: a full disk stops the consumers."))
        }
    }

    private mutating func examineFile(_ store: any ConsumerStore) async {
        do {
            let pragmas = try await store.read { reader in
                (
                    try reader.query("SELECT journal_mode AS value FROM pragma_journal_mode", arguments: []),
                    try reader.query("SELECT quick_check AS value FROM pragma_quick_check(1)", arguments: [])
                )
            }
            let mode = pragmas.0.first?["value"].text ?? "unknown"
            if mode != "wal" {
                findings.append(
                    Finding(.fail, "store-journal", "its journal mode is \(mode), not wal: readers and writers block"))
            }
            let check = pragmas.1.first?["value"].text ?? "unknown"
            if check != "ok" {
                findings.append(
                    Finding(
                        .fail, "store-integrity", "the file is damaged: \(check)",
                        advice: "Stop the service, and restore the database from a backup."))
            }
        } catch {
            findings.append(Finding(.fail, "store-reading", "\(error)"))
        }
    }

    mutating func examineTables(_ store: any ConsumerStore, _ configuration: ServiceConfiguration) async {
        do {
            let consumers = configuration.consumers.values.sorted { $0.name < $1.name }
            let (registered, highest, work) = try await store.read { reader in
                let now = try reader.now()
                // First, because the store tells when its tables are missing.
                let registered = try reader.consumers()
                let highest = try reader.query(
                    "SELECT max(stream_sequence) AS value FROM tertib_watermark", arguments: [])
                return (
                    registered, highest.first?["value"].integer ?? 0,
                    try consumers.flatMap { try Self.work(of: $0, reader, now) } + Self.outbox(reader, now)
                )
            }
            registrations = registered
            highestSequence = StreamSequence(UInt64(max(0, highest)))
            findings += work
        } catch let error as StoreError where error.code == .schema {
            findings.append(Finding(.warn, "store-schema", error.reason, advice: "Run `tertib migrate`."))
        } catch {
            findings.append(Finding(.fail, "store-reading", "\(error)"))
        }
    }

    private static func work(
        of consumer: ConsumerSettings, _ reader: any StoreReader, _ now: Timestamp
    ) throws -> [Finding] {
        let summary = try reader.summary(consumer.name, stuckBefore: now.advanced(by: .zero - consumer.gapLimit))
        var findings: [Finding] = []
        if summary.stuck > 0 {
            findings.append(
                Finding(
                    .warn, "consumer-stuck",
                    "\(consumer.name): \(Words.count(summary.stuck, "aggregate")) waited for a version longer than the "
                        + "limit", advice: "`tertib parked` lists them, `tertib explain TYPE/ID` says why."))
        }
        if summary.deadLetters > 0 {
            findings.append(
                Finding(
                    .warn, "consumer-dead-letters",
                    "\(consumer.name): \(Words.count(summary.deadLetters, "dead letter")), "
                        + "\(Words.count(summary.quarantined, "aggregate")) quarantined",
                    advice: "`tertib dead-letters list` shows them."))
        }
        if summary.parked * 5 >= consumer.maxParkedTotal * 4 {
            findings.append(
                Finding(
                    .warn, "consumer-parked",
                    "\(consumer.name): \(summary.parked) of at most \(consumer.maxParkedTotal) rows are parked; at the "
                        + "limit the consumer pauses"))
        }
        return findings
    }

    private static func outbox(_ reader: any StoreReader, _ now: Timestamp) throws -> [Finding] {
        let outbox = try reader.outboxSummary()
        guard let oldest = outbox.oldestStagedAt, now.since(oldest) > .seconds(60) else { return [] }
        return [
            Finding(
                .warn, "outbox-old",
                "\(Words.count(outbox.rows, "staged event")) wait, the oldest for \(Words.duration(now.since(oldest)))",
                advice: "See that the service runs, and reaches the broker.")
        ]
    }
}
