import TertibRuntime
import TertibCore

/// What a replica does beside consuming: it stages and appends events, as a service's requests do.
extension SimulatedReplica {
    func post(_ staged: SimulationPlan.Staged) {
        toStage.append(staged)
        mail.notify()
    }

    func post(_ appended: SimulationPlan.Appended) {
        toAppend.append(appended)
        mail.notify()
    }

    private var isAlive: Bool { life?.isDead == false }

    /// Stages events, each time in a transaction of its own.
    func stage(_ service: EventBus) async throws {
        while !Task.isCancelled, isAlive {
            let seen = mail.count
            guard !toStage.isEmpty else {
                await mail.change(after: seen)
                continue
            }
            let staged = toStage.removeFirst()
            guard let aggregate = SimulationNames.aggregate(staged.aggregate) else { continue }
            do {
                try await service.transaction { transaction in
                    for number in 0..<staged.count {
                        let event = try NewEvent(
                            type: try EventType("order.changed"), json: Array(#"{"line":\#(number)}"#.utf8))
                        try transaction.stage(event, for: aggregate)
                    }
                }
            } catch is CancellationError {
                return
            } catch {
                world.note("could not stage \(staged.aggregate): \(error)")  // the caller of a service would learn it
            }
        }
    }

    /// Appends events, one call after the other.
    func append(_ service: EventBus) async throws {
        while !Task.isCancelled, isAlive {
            let seen = mail.count
            guard !toAppend.isEmpty else {
                await mail.change(after: seen)
                continue
            }
            try await append(toAppend.removeFirst(), with: service)
        }
    }

    /// At most so often a call of unknown outcome is repeated.
    private static let repetitions = 5

    private func append(_ appended: SimulationPlan.Appended, with service: EventBus) async throws {
        guard let aggregate = SimulationNames.aggregate(appended.aggregate) else { return }
        world.appends += 1
        let number = world.appends
        let events = try (0..<appended.count).map { index in
            try NewEvent(
                type: try EventType("account.changed"), json: Array(#"{"call":\#(number),"line":\#(index)}"#.utf8),
                id: appended.expects ? try EventID("\(appended.aggregate)-\(number)-\(index)") : nil)
        }
        let expected = appended.expects ? known[aggregate] ?? AggregateVersion.none : nil
        var call = AppendObservation(
            call: number, aggregate: aggregate, bodies: events.map(\.body), expected: expected)
        world.observe(.append(call))
        for _ in 0..<Self.repetitions {
            let outcome = try await tell { try await service.append(events, to: aggregate, expecting: expected) }
            // What a dead replica has heard, its caller never learns.
            guard let outcome, isAlive else { return }
            call.outcome = outcome
            learn(outcome, of: aggregate)
            world.note("has appended \(appended.count) to \(aggregate): \(outcome.words)")
            world.observe(.append(call))
            guard case .open = outcome, appended.expects else { return }
        }
    }

    /// What a call has told; `nil` when it was cancelled.
    private func tell(
        _ call: () async throws -> [PublishReceipt]
    ) async throws -> AppendObservation.Outcome? {
        do {
            let receipts = try await call()
            world.meet(.appendRecognised, receipts.count(where: \.isDuplicate))
            return .receipts(receipts)
        } catch is CancellationError {
            return nil
        } catch let conflict as VersionConflict {
            world.meet(.appendConflict)
            known[conflict.aggregate] = conflict.actual ?? known[conflict.aggregate]
            return .conflict
        } catch let partial as PartialAppend {
            world.meet(.partialAppend)
            return .partial(partial.receipts, isNextOpen: !(partial.underlying is VersionConflict))
        } catch {
            world.note("could not append: \(error)")
            return .open
        }
    }

    private func learn(_ outcome: AppendObservation.Outcome, of aggregate: Aggregate) {
        switch outcome {
        case .receipts(let receipts), .partial(let receipts, _):
            if let last = receipts.last { known[aggregate] = last.version }
        case .conflict, .open: break
        }
    }
}

extension AppendObservation.Outcome {
    fileprivate var words: String {
        switch self {
        case .open: "nobody knows whether"
        case .receipts(let receipts): "as \(receipts.map { "\($0.version)" }.joined(separator: " "))"
        case .conflict: "a conflict"
        case .partial(let receipts, _): "only \(receipts.count) of them"
        }
    }
}
