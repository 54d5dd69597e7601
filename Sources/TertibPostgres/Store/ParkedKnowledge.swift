import TertibRuntime
import TertibCore

/// What a transaction knows of the parked rows of the aggregates that it has claimed, so that it need not ask for each
/// of them on its own. Nobody else adds a row to an aggregate that is claimed.
struct ParkedKnowledge {
    /// Claimed, with parked rows, and not read yet.
    private var unread: [Aggregate: Watermark] = [:]
    /// Read ahead, from the version behind the watermark on, and not asked for yet.
    private var pages: [Aggregate: [ParkedEvent]] = [:]
    /// All versions that are parked, where they are known.
    private var versions: [Aggregate: Set<AggregateVersion>] = [:]
    private var consumer: ConsumerName?
    /// At most so many rows are read ahead at once; they are kept in memory.
    private static let readAheadLimit = 4096

    mutating func claimed(_ consumer: ConsumerName, _ watermarks: [Watermark]) {
        if self.consumer != consumer { self = ParkedKnowledge() }
        self.consumer = consumer
        for watermark in watermarks where watermark.parked > 0 { unread[watermark.aggregate] = watermark }
    }

    /// The rows of an aggregate, if they have been read ahead.
    mutating func page(
        _ consumer: ConsumerName, _ aggregate: Aggregate, from version: AggregateVersion, limit: Int
    ) -> [ParkedEvent]? {
        guard self.consumer == consumer, let page = pages.removeValue(forKey: aggregate) else { return nil }
        let rows = page.filter { $0.version >= version }
        // A page that was full may have been cut.
        return page.count < limit ? rows : nil
    }

    /// The aggregates to read together with this one, which has not been read.
    func readAhead(_ consumer: ConsumerName, with aggregate: Aggregate, limit: Int) -> [Watermark] {
        guard self.consumer == consumer, unread[aggregate] != nil else { return [] }
        var room = Self.readAheadLimit
        let others = unread.values.filter { $0.aggregate != aggregate }.sorted { $0.aggregate < $1.aggregate }
        return [unread[aggregate]].compactMap(\.self)
            + others.prefix { watermark in
                room -= min(watermark.parked, limit)
                return room >= 0
            }
    }

    /// Keeps what was read ahead.
    mutating func read(_ rows: [ParkedEvent], of watermarks: [Watermark], limit: Int) {
        let found = Dictionary(grouping: rows, by: \.aggregate)
        for watermark in watermarks {
            let page = (found[watermark.aggregate] ?? []).sorted { $0.version < $1.version }
            unread[watermark.aggregate] = nil
            pages[watermark.aggregate] = page
            // Otherwise there are more of them, or some that no drain reads.
            guard page.count < limit, page.count == watermark.parked else { continue }
            versions[watermark.aggregate] = Set(page.map(\.version))
        }
    }

    /// A row was added.
    mutating func parked(_ event: ParkedEvent) {
        pages[event.aggregate] = nil
        unread[event.aggregate] = nil
        versions[event.aggregate]?.insert(event.version)
    }

    /// Rows are deleted.
    /// - Returns: how many, where that is known.
    mutating func deleted(_ consumer: ConsumerName, _ aggregate: Aggregate, through version: AggregateVersion) -> Int? {
        pages[aggregate] = nil
        unread[aggregate] = nil
        guard self.consumer == consumer, let known = versions[aggregate] else { return nil }
        let left = known.filter { $0 > version }
        versions[aggregate] = left
        return known.count - left.count
    }
}
