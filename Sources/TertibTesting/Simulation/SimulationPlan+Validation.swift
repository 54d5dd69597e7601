import TertibRuntime
import TertibCore

extension SimulationPlan {
    /// Refuses values with which no run makes sense, or with which a part of the plan would silently never happen. What
    /// names a replica or a place in the run that does not come is right: it is skipped, as in a plan made smaller.
    func validate() throws(SimulationPlanError) {
        try options.validate()
        for (index, event) in events.enumerated() {
            let field = "events[\(index)]"
            try Self.check(event.at, in: Self.moments, "\(field).at")
            try Self.check(event.version, in: Self.versions, "\(field).version")
            try Self.check(aggregate: event.aggregate, "\(field).aggregate")
        }
        for (index, staged) in staged.enumerated() {
            try Self.check(
                "staged[\(index)]", at: staged.at, replica: staged.replica, aggregate: staged.aggregate,
                count: staged.count, type: "order")
        }
        for (index, appended) in appended.enumerated() {
            try Self.check(
                "appended[\(index)]", at: appended.at, replica: appended.replica, aggregate: appended.aggregate,
                count: appended.count, type: "account")
        }
        for (index, failing) in failing.enumerated() {
            let field = "failing[\(index)]"
            try Self.check(aggregate: failing.aggregate, "\(field).aggregate")
            try Self.check(failing.version, in: Self.versions, "\(field).version")
            if let times = failing.times { try Self.check(times, in: Self.counts, "\(field).times") }
        }
        for (index, disturbance) in disturbances.enumerated() { try disturbance.validate("disturbances[\(index)]") }
        try schedule?.validate("schedule")
        try broker?.validate("broker")
    }

    /// At most a day.
    fileprivate static let moments = 0...86_400_000
    fileprivate static let versions = 1...1_000_000
    fileprivate static let counts = 1...1_000_000
    fileprivate static let replicas = 1...64

    private static func check(
        _ field: String, at: Int, replica: Int, aggregate: String, count: Int, type: String
    ) throws(SimulationPlanError) {
        try check(at, in: moments, "\(field).at")
        try check(replica, in: 0...replicas.upperBound, "\(field).replica")
        try check(aggregate: aggregate, "\(field).aggregate", type: type)
        try check(count, in: 1...1000, "\(field).count")
    }

    fileprivate static func check<Value: Comparable>(
        _ value: Value, in range: ClosedRange<Value>, _ field: String
    ) throws(SimulationPlanError) {
        guard !range.contains(value) else { return }
        throw SimulationPlanError(
            field: field, reason: "is \(value); it is from \(range.lowerBound) to \(range.upperBound)")
    }

    private static func check(
        aggregate text: String, _ field: String, type: String? = nil
    ) throws(SimulationPlanError) {
        let aggregate = SimulationNames.aggregate(text)
        guard aggregate == nil || type != nil && aggregate?.type.text != type else { return }
        throw SimulationPlanError(
            field: field, reason: "is \(text); it is a type and an id, such as \(type ?? "product")/1")
    }
}

extension SimulationOptions {
    fileprivate func validate() throws(SimulationPlanError) {
        func check<Value: Comparable>(
            _ range: ClosedRange<Value>, _ values: [(CodingKeys, Value)]
        ) throws(SimulationPlanError) {
            for (key, value) in values { try SimulationPlan.check(value, in: range, "options.\(key.stringValue)") }
        }
        try check(SimulationPlan.replicas, [(.replicas, replicas)])
        try check(
            SimulationPlan.moments,
            [(.milliseconds, milliseconds), (.acknowledgementWait, acknowledgementWait), (.gapHold, gapHold)])
        try check(
            SimulationPlan.counts,
            [
                (.aggregates, aggregates), (.shuffleWindow, shuffleWindow), (.deliveryWindow, deliveryWindow),
                (.batch, batch), (.maxParkedPerAggregate, maxParkedPerAggregate), (.maxAttempts, maxAttempts),
                (.acknowledgementWait, acknowledgementWait),
            ])
        try check(
            0...SimulationPlan.counts.upperBound,
            [
                (.events, events), (.staged, staged), (.appends, appends), (.crashes, crashes), (.kills, kills),
                (.brokerOutages, brokerOutages), (.databaseOutages, databaseOutages), (.cuts, cuts),
                (.unknownCommits, unknownCommits), (.conflicts, conflicts), (.refusals, refusals),
                (.failingSteps, failingSteps), (.lostPublishes, lostPublishes), (.pauses, pauses),
                (.clockJumps, clockJumps), (.stoppedClocks, stoppedClocks), (.scaling, scaling), (.failing, failing),
                (.poison, poison), (.forks, forks), (.malformed, malformed), (.forgotten, forgotten), (.skips, skips),
                (.trims, trims), (.lostTails, lostTails), (.restores, restores), (.recreations, recreations),
            ])
        try check(
            0.0...1.0,
            [
                (.duplicates, duplicates), (.doubleDeliveries, doubleDeliveries), (.lostAnswers, lostAnswers),
                (.hotKey, hotKey), (.stickiness, stickiness), (.slowness, slowness), (.haste, haste),
            ])
    }
}

extension SimulationPlan.Choices {
    fileprivate func validate(_ field: String) throws(SimulationPlanError) {
        guard positions.count == values.count else {
            throw SimulationPlanError(
                field: "\(field).values", reason: "are \(values.count), and there are \(positions.count) positions")
        }
        for (index, position) in positions.enumerated() {
            try SimulationPlan.check(position, in: 0...Int.max, "\(field).positions[\(index)]")
            try SimulationPlan.check(values[index], in: 0...Int.max, "\(field).values[\(index)]")
        }
    }
}

extension Disturbance {
    fileprivate func validate(_ field: String) throws(SimulationPlanError) {
        try check(at, in: SimulationPlan.moments, "\(field).at", isNeeded: kind.occasion == .moment)
        try check(nth, in: SimulationPlan.counts, "\(field).nth", isNeeded: kind.occasion == .count)
        try check(lasting, in: SimulationPlan.moments, "\(field).lasting")
        try check(
            replica, in: 0...SimulationPlan.replicas.upperBound, "\(field).replica", isNeeded: kind.concernsReplica)
        // A clock jumps either way, by some thirty years at most.
        let isJump = kind == .databaseClock || kind == .replicaClock
        try check(amount, in: isJump ? -1_000_000_000_000...1_000_000_000_000 : 0...1_000_000, "\(field).amount")
        if kind == .crash, point.flatMap(CrashSite.init) == nil {
            throw SimulationPlanError(
                field: "\(field).point",
                reason: (point.map { "is \($0); it" } ?? "is missing; it") + " is one of "
                    + CrashSite.names.joined(separator: ", ") + ", or a call and a side of it, such as claim.after")
        }
    }

    private func check(
        _ value: Int?, in range: ClosedRange<Int>, _ field: String, isNeeded: Bool = false
    ) throws(SimulationPlanError) {
        if let value {
            try SimulationPlan.check(value, in: range, field)
        } else if isNeeded {
            throw SimulationPlanError(
                field: field,
                reason: "is missing; \(kind.rawValue) has one from \(range.lowerBound) to \(range.upperBound)")
        }
    }
}

extension Disturbance.Kind {
    fileprivate enum Occasion {
        case moment, count
    }

    fileprivate var occasion: Occasion {
        switch self {
        case .crash, .unknownCommitted, .unknownRolledBack, .conflict, .commitRefused, .storeConflict, .storeAway,
            .logAway, .publishAnswerLost, .fetchLost, .answerLost:
            .count
        case .kill, .brokerAway, .databaseAway, .cut, .lostPublishAnswer, .lostPublish, .pause, .databaseClock,
            .replicaClock, .databaseClockStopped, .replicaClockStopped, .join, .leave, .forget, .skip, .trim,
            .loseTail, .restore, .recreate:
            .moment
        }
    }

    fileprivate var concernsReplica: Bool {
        switch self {
        case .crash, .kill, .cut, .pause, .replicaClock, .replicaClockStopped, .leave: true
        default: false
        }
    }
}
