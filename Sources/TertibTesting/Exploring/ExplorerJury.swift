import TertibRuntime
import TertibCore

/// Tells the oracles what happens in a small world, and remembers what they have said.
///
/// An oracle is a value that learns as it goes, and an exploration goes many ways at once. So for each fact the oracles
/// start anew: with the stream as they know it, told first of what the state says has happened before, and judged by what
/// they say to the fact itself. Facts repeat millions of times, with a few thousand different ones in a world: each is
/// put to the oracles once.
final class ExplorerJury {
    let vocabulary: ExplorerVocabulary
    /// They know the stream, and nothing else.
    private let oracles: [any Oracle]
    private var commits: [Fingerprint: ExplorerViolation?] = [:]
    private var acknowledgements: [Fingerprint: ExplorerViolation?] = [:]
    private var settlements: [Fingerprint: ExplorerViolation?] = [:]
    private var rests: [Fingerprint: ExplorerViolation?] = [:]

    init(_ vocabulary: ExplorerVocabulary, also others: [any Oracle]) {
        self.vocabulary = vocabulary
        var oracles = vocabulary.oracleSettings.oracles + others
        for message in vocabulary.world.messages.indices {
            let observation = Observation.stored(vocabulary.logged(message), vocabulary.envelopes[message])
            for index in oracles.indices { _ = oracles[index].observe(observation) }
        }
        self.oracles = oracles
    }

    func judge(_ fact: CommitFact) -> ExplorerViolation? {
        let key = Fingerprint(fact)
        if let known = commits[key] { return known }
        let verdict = verdict(on: .committed(vocabulary.observation(fact)), after: vocabulary.history(before: fact))
        commits[key] = .some(verdict)
        return verdict
    }

    func judge(_ fact: AcknowledgementFact) -> ExplorerViolation? {
        let key = Fingerprint(fact)
        if let known = acknowledgements[key] { return known }
        let verdict = verdict(on: .acknowledged(vocabulary.observation(fact)))
        acknowledgements[key] = .some(verdict)
        return verdict
    }

    func judge(_ fact: SettlementFact) -> ExplorerViolation? {
        let key = Fingerprint(fact)
        if let known = settlements[key] { return known }
        let verdict = verdict(on: .settled(vocabulary.observation(fact)))
        settlements[key] = .some(verdict)
        return verdict
    }

    func judge(_ fact: RestFact) -> ExplorerViolation? {
        let key = Fingerprint(fact)
        if let known = rests[key] { return known }
        let verdict = verdict(on: .rest(vocabulary.observation(fact)))
        rests[key] = .some(verdict)
        return verdict
    }

    /// What happens at most once in a run.
    func judge(_ observation: Observation) -> ExplorerViolation? { verdict(on: observation) }

    private func verdict(on observation: Observation, after history: [Observation] = []) -> ExplorerViolation? {
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
