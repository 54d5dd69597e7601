import TertibRuntime
import TertibCore

/// Reads the section of one consumer.
struct ConsumerReader {
    let section: Section
    let name: ConsumerName

    static let keys = [
        "aggregates", "maxAckPending", "handlerLimit", "baseline", "batch", "acknowledgementWait", "gap", "retry",
        "parked",
    ]

    private enum Ordering: String { case strict }
    private enum Baseline: String { case strict }
    private enum Policy: String { case alarm }

    func read() -> ConsumerSettings? {
        let defaults = ConsumerSettings(name: name)
        var settings = defaults
        settings.aggregates = readAggregates()
        settings.batch = section.value("batch", .integer(1...1024, example: 256), default: defaults.batch)
        settings.maxAcknowledgementPending = section.value(
            "maxAckPending", .integer(1...1_000_000, example: 20_000), default: defaults.maxAcknowledgementPending)
        settings.acknowledgementWait = section.value(
            "acknowledgementWait", .duration(.milliseconds(200) ... .seconds(3600), example: .seconds(30)),
            default: defaults.acknowledgementWait)
        _ = section.value(
            "handlerLimit",
            .duration(.milliseconds(1) ... .seconds(3600), example: .seconds(10)).later(except: .seconds(10)),
            default: .seconds(10))
        _ = section.value("baseline", .choice([Baseline.strict], later: ["firstRetained"]), default: .strict)
        let hasReadAll = [readGap(&settings), readRetry(&settings), readParked(&settings)].allSatisfy { $0 }
        checkCombinations(settings)
        return hasReadAll ? settings : nil
    }

    /// The aggregate types; `nil` for all of them.
    private func readAggregates() -> Set<AggregateType>? {
        guard section.has("aggregates") else {
            section.context.record(section.path.member("aggregates"), "\"all\"", from: nil)
            return nil
        }
        guard let aggregates = section.names("aggregates") else { return nil }
        if aggregates.inOrder.isEmpty {
            aggregates.context.report(
                .invalidValue, at: aggregates.position, aggregates.path, "is empty",
                reason: "expected at least one aggregate type, because a consumer without any would ignore every event",
                advice: "name a type, such as { \"product\": {} }, or leave it out for all types")
        }
        var types: Set<AggregateType> = []
        for member in aggregates.inOrder {
            guard let type: AggregateType = aggregates.name(member, "an aggregate type", example: "product"),
                let entry = aggregates.section(member.key, keys: ["ordering"])
            else { continue }
            _ = entry.value(
                "ordering", .choice([Ordering.strict], later: ["latestWins", "unordered"]), default: .strict)
            types.insert(type)
        }
        return types
    }

    private func readGap(_ settings: inout ConsumerSettings) -> Bool {
        let keys = ["hold", "limit", "onTrimmed", "onNeverPublished"]
        guard let gap = section.section("gap", keys: keys) else { return false }
        settings.gapHold = gap.value(
            "hold", .duration(.zero ... .seconds(600), example: .milliseconds(50)), default: settings.gapHold)
        settings.gapLimit = gap.value(
            "limit", .duration(.seconds(1) ... .seconds(2_592_000), example: .seconds(600)),
            default: settings.gapLimit)
        for key in ["onTrimmed", "onNeverPublished"] {
            _ = gap.value(key, .choice([Policy.alarm], later: ["wait", "deadLetter"]), default: .alarm)
        }
        if settings.gapHold * 2 > settings.acknowledgementWait {
            report(
                gap.has("hold") ? gap : section, gap.has("hold") ? "hold" : "acknowledgementWait",
                "does not fit: the hold is more than half of acknowledgementWait",
                "expected gap.hold to be at most \(text(settings.acknowledgementWait / 2)), found "
                    + text(settings.gapHold),
                "shorten gap.hold or lengthen acknowledgementWait")
        }
        if settings.gapLimit <= settings.gapHold {
            report(
                gap, "limit", "is not longer than the hold",
                "expected more than \(text(settings.gapHold)), found \(text(settings.gapLimit))",
                "lengthen gap.limit or shorten gap.hold")
        }
        return true
    }

    private func readRetry(_ settings: inout ConsumerSettings) -> Bool {
        let keys = ["maxAttempts", "maxCrashes", "initialDelay", "maxDelay"]
        guard let retry = section.section("retry", keys: keys) else { return false }
        let defaults = RetryPolicy()
        let delays = Form<Duration>.duration(.milliseconds(1) ... .seconds(86_400), example: .seconds(1))
        let attempts = retry.value("maxAttempts", .integer(1...1000, example: 8), default: defaults.maxAttempts)
        _ = retry.value("maxCrashes", .integer(1...1000, example: 3).later(except: 3), default: 3)
        let initial = retry.value("initialDelay", delays, default: defaults.initialDelay)
        let longest = retry.value("maxDelay", delays, default: defaults.maxDelay)
        guard initial <= longest else {
            report(
                retry, retry.has("maxDelay") ? "maxDelay" : "initialDelay",
                "does not fit: maxDelay is shorter than initialDelay",
                "expected maxDelay to be at least \(text(initial)), found \(text(longest))",
                "lengthen maxDelay or shorten initialDelay")
            return false
        }
        settings.retry = RetryPolicy(maxAttempts: attempts, initialDelay: initial, maxDelay: longest)
        return true
    }

    private func readParked(_ settings: inout ConsumerSettings) -> Bool {
        guard let parked = section.section("parked", keys: ["maxPerAggregate", "maxTotal"]) else { return false }
        settings.maxParkedPerAggregate = parked.value(
            "maxPerAggregate", .integer(1...1_000_000, example: 1000), default: settings.maxParkedPerAggregate)
        settings.maxParkedTotal = parked.value(
            "maxTotal", .integer(1...100_000_000, example: 100_000), default: settings.maxParkedTotal)
        if settings.maxParkedPerAggregate > settings.maxParkedTotal {
            report(
                parked, parked.has("maxTotal") ? "maxTotal" : "maxPerAggregate",
                "does not fit: maxTotal is less than maxPerAggregate",
                "expected maxTotal to be at least \(settings.maxParkedPerAggregate), found \(settings.maxParkedTotal)",
                "raise maxTotal or lower maxPerAggregate")
        }
        return true
    }

    private func checkCombinations(_ settings: ConsumerSettings) {
        guard settings.maxAcknowledgementPending < settings.batch else { return }
        report(
            section, section.has("maxAckPending") ? "maxAckPending" : "batch",
            "does not fit: maxAckPending is less than one batch",
            "expected maxAckPending to be at least \(settings.batch), and well above replicas x batch, found "
                + "\(settings.maxAcknowledgementPending)",
            "raise maxAckPending or lower batch")
    }

    private func report(_ section: Section, _ key: String, _ problem: String, _ reason: String, _ advice: String) {
        section.reportContradiction(of: [key], problem, reason: reason, advice: advice)
    }

    private func text(_ duration: Duration) -> String { DurationText.text(duration) }
}
