import Logging
import TertibCore

/// Takes what the log delivers, applies it batch by batch, and acknowledges what has committed. While one batch
/// commits, the next one is fetched and decoded.
struct ApplyLoop: Sendable {
    let runtime: ConsumerRuntime

    /// How long a fetch waits when there is nothing else to do.
    private static let idleWait: Duration = .seconds(1)
    /// However slow the handlers, at least so many deliveries go into a transaction.
    private static let leastBatch = 4
    /// After so many whole transactions lost in a row the database counts as away.
    private static let lossLimit = 8
    /// At most so many deliveries wait in memory for a neighbour's commit.
    private static let heldLimit = 256

    /// Runs until cancelled, or until the log says that nothing will ever be delivered again.
    func run() async throws {
        var carried = Backlog()
        var fresh = Batch()
        var pauser = ConsumerPause(runtime: runtime)
        var crowding = ParkedLimitMonitor(patience: min(.seconds(5), runtime.settings.acknowledgementWait))
        var sizer = BatchSizer(most: runtime.settings.batch, target: batchTime)
        while !Task.isCancelled {
            var batch = fresh
            carried.join(&batch, now: runtime.context.time.monotonic, hold: hold, limit: Self.heldLimit)
            let room = max(Self.leastBatch, 2 * sizer.limit)
            let rest = batch.split(at: min(room, sizer.ceiling ?? room))
            if batch.isEmpty {
                fresh = try await fetch(upTo: sizer.limit, waiting: Self.idleWait)
                continue
            }
            let start = runtime.context.time.monotonic
            let limit = min(sizer.limit, max(0, Self.memoryLimit(runtime.settings) - batch.count - rest.count))
            async let prefetched = fetch(upTo: limit, waiting: .zero)
            do {
                let report = try await settle(batch)
                sizer.record(batch.count, in: runtime.context.time.monotonic - start)
                try checkLimits(report, &crowding)
                pauser.recovered()
                carried = carried.remaining(of: batch, after: report, now: runtime.context.time.monotonic)
                carried.putOff(rest)
            } catch let error as StoreError
                where error.code == .conflict && carried.losses < Self.lossLimit
            {
                carried = carried.all(of: batch)
                carried.putOff(rest)
                sizer.lost(batch.count)
            } catch {
                await runtime.plantedAcknowledgement(of: batch, after: error)
                fresh = try await prefetched
                try await pauser.pause(after: error)
                carried = Backlog()
                fresh = Batch()
                continue
            }
            fresh = try await prefetched
            if fresh.isEmpty, !carried.isEmpty {
                let patience = carried.patience(runtime.context, hold: hold)
                if limit > 0 {
                    fresh = try await fetch(upTo: limit, waiting: patience)
                } else {
                    try await runtime.context.time.sleep(for: patience)
                }
            }
        }
    }

    /// At a limit of the parked rows repair makes room, and what there is none for is carried meanwhile.
    /// - Throws: ``ParkedLimitReached`` when the consumer has to pause.
    private func checkLimits(_ report: BatchReport, _ crowding: inout ParkedLimitMonitor) throws {
        guard let first = report.reachedLimits.first else { return }
        runtime.board.ask(crowded: report.reachedLimits.compactMap(\.aggregate))
        if crowding.mustPause(after: report.reachedLimits, now: runtime.context.time.monotonic) { throw first }
    }

    /// A transaction holds rows, on SQLite the whole file: it should end within a second, and in any case within a
    /// quarter of the acknowledgement wait.
    private var batchTime: Duration {
        min(.seconds(1), runtime.settings.acknowledgementWait / 4)
    }

    /// A delivery is never held beyond half of the acknowledgement wait.
    private var hold: Duration {
        min(runtime.settings.gapHold, runtime.settings.acknowledgementWait / 2)
    }

    /// However long a neighbour keeps a batch from committing, no more than this is taken meanwhile.
    private static func memoryLimit(_ settings: ConsumerSettings) -> Int { settings.batch * 2 }

    /// Fetches and decodes. What is of no interest is acknowledged at once.
    private func fetch(upTo limit: Int, waiting wait: Duration) async throws -> Batch {
        guard limit > 0 else { return Batch() }
        let deliveries = try await runtime.source.next(upTo: limit, waiting: wait)
        guard !deliveries.isEmpty else { return Batch() }
        runtime.counters.received(deliveries.count)
        var batch = Batch()
        var ignored: [Arrival.Ticket] = []
        for (ticket, delivery) in runtime.desk.take(deliveries) {
            switch runtime.decode(delivery.message, sequence: delivery.sequence, ticket: ticket, origin: .delivery) {
            case .prepared(let arrival): batch.arrivals.append(arrival)
            case .malformed(let arrival): batch.malformed.append(arrival)
            case .ignored: ignored.append(ticket)
            }
        }
        if !ignored.isEmpty {
            runtime.counters.ignored(ignored.count)
            await runtime.source.answer(.acknowledge, to: runtime.desk.release(ignored))
        }
        return batch
    }

    /// Commits a batch, then acknowledges what the transaction says. The set to acknowledge comes from what committed.
    private func settle(_ batch: Batch) async throws -> BatchReport {
        await runtime.plantedAcknowledgement(of: batch)
        let report = try await TraceContext.withSpan(applying: batch, consumer: runtime.settings.name) {
            try await runtime.applier.apply(batch)
        }
        runtime.note(report)
        await runtime.source.answer(.acknowledge, to: runtime.desk.release(report.settled(of: batch)))
        for item in batch.malformed where report.dispositions[item.ticket] != nil {
            runtime.logger.error(
                "a message that breaks the wire contract is a dead letter",
                metadata: [
                    LogKey.subject: "\(item.message.subject.debugDescription)", LogKey.sequence: "\(item.sequence)",
                    LogKey.reason: "\(item.reason)",
                ])
        }
        return report
    }
}

extension ConsumerRuntime {
    /// What decoding makes of a message.
    enum Decoded {
        case prepared(PreparedArrival)
        case malformed(MalformedArrival)
        case ignored
    }

    /// Decodes a message, outside any transaction.
    func decode(
        _ message: WireMessage, sequence: StreamSequence, ticket: Arrival.Ticket, origin: Arrival.Origin
    ) -> Decoded {
        let aggregate = try? codec.mapping.aggregate(of: message.subject)
        if let aggregate, let wanted = settings.aggregates, !wanted.contains(aggregate.type) { return .ignored }
        do {
            let envelope = try codec.decode(message)
            let arrival = Arrival(
                ticket: ticket, origin: origin, envelope: envelope, message: message, sequence: sequence)
            return .prepared(PreparedArrival(arrival: arrival, application: handlers.prepare(envelope)))
        } catch {
            return .malformed(
                MalformedArrival(
                    ticket: ticket, message: message, sequence: sequence, reason: error, aggregate: aggregate))
        }
    }
}
