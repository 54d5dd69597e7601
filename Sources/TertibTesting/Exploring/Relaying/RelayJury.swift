import TertibRuntime
import TertibCore

/// Tells the oracles what happens in a world of relays, and remembers what they have said; see ``ExplorerJury``.
final class RelayJury {
    private let vocabulary: ExplorerVocabulary
    private let oracles: [any Oracle]
    private var verdicts: [Fact: ExplorerViolation?] = [:]

    private struct Fact: Hashable {
        var isRest: Bool
        var stream: [UInt8]
        var staged: UInt8
        var unpublished: UInt8
    }

    init(_ vocabulary: ExplorerVocabulary) throws {
        self.vocabulary = vocabulary
        var settings = OracleSettings()
        settings.types = []
        settings.published = Set(vocabulary.aggregates.map(\.type))
        oracles = settings.oracles
    }

    /// Judges that the stream stores a message.
    func judge(_ entry: UInt8, storedIn state: RelayState) -> ExplorerViolation? {
        var fact = fact(state)
        fact.stream.append(entry)
        return judge(fact)
    }

    /// Judges what is left when the relays have had their time.
    func judgeRest(_ state: RelayState) -> ExplorerViolation? {
        var fact = fact(state)
        fact.isRest = true
        return judge(fact)
    }

    func judge(_ observation: Observation) -> ExplorerViolation? { verdict(on: observation, after: []) }

    private func fact(_ state: RelayState) -> Fact {
        let events = (0..<8)
        return Fact(
            isRest: false, stream: (0..<state.count).map { state.stream[$0] },
            staged: events.filter { state.rows[$0].contains(.staged) }.reduce(0) { $0 | 1 << UInt8($1) },
            unpublished: events.filter { state.isUnpublished($0) }.reduce(0) { $0 | 1 << UInt8($1) })
    }

    private func judge(_ fact: Fact) -> ExplorerViolation? {
        if let known = verdicts[fact] { return known }
        let script = RelayScript(vocabulary, answers: [])
        let staged = CommitObservation(changes: [], staged: script.rows(fact.staged), parkedInAll: 0)
        var messages = fact.stream.enumerated().compactMap { stored($1, at: $0 + 1) }
        let observation: Observation
        if fact.isRest {
            var rest = RestObservation()
            rest.unpublished = script.rows(fact.unpublished)
            rest.events = fact.stream.compactMap { vocabulary.envelope($0) }
            observation = .rest(rest)
        } else {
            guard let last = messages.popLast() else { return nil }
            observation = last
        }
        let verdict = verdict(on: observation, after: [.committed(staged)] + messages)
        verdicts[fact] = .some(verdict)
        return verdict
    }

    private func stored(_ entry: UInt8, at sequence: Int) -> Observation? {
        guard let envelope = vocabulary.envelope(entry), let message = vocabulary.published(entry, behind: 0) else {
            return nil
        }
        return .stored(
            LoggedMessage(
                message: message, sequence: StreamSequence(UInt64(sequence)), storedAt: ExplorerVocabulary.now),
            envelope)
    }

    private func verdict(on observation: Observation, after history: [Observation]) -> ExplorerViolation? {
        var oracles = oracles
        for observation in history {
            for index in oracles.indices { _ = oracles[index].observe(observation) }
        }
        for index in oracles.indices {
            if let statement = oracles[index].observe(observation) {
                return ExplorerViolation(oracle: oracles[index].name, finding: statement)
            }
        }
        return nil
    }
}
