import TertibTesting

/// Puts what happens in a world to the oracles, and remembers what they have said.
///
/// An oracle is a value that learns as it goes, and an exploration goes many ways at once. So for each fact the oracles
/// start anew: they know the stream, are given what the state says has happened before, and judge the fact itself. Facts
/// repeat millions of times, with a few thousand different ones in a world: the oracles judge each of them once.
final class OracleEvaluator {
    /// They know the stream, and nothing else.
    private let oracles: [any Oracle]
    private var verdicts: [Fingerprint: Violation?] = [:]

    /// - Parameter background: What the oracles know of every state.
    init(_ oracles: [any Oracle], background: [Observation]) {
        var oracles = oracles
        Self.inform(&oracles, of: background)
        self.oracles = oracles
    }

    /// Judges a fact, which says everything that its observations are made of.
    func judge<Fact: BitwiseCopyable>(
        _ fact: Fact, _ observations: (Fact) -> (history: [Observation], now: Observation)
    ) -> Violation? {
        let key = Fingerprint(fact)
        if let known = verdicts[key] { return known }
        let (history, now) = observations(fact)
        let verdict = judge(now, after: history)
        verdicts[key] = .some(verdict)
        return verdict
    }

    /// Judges what happens at most once in a run.
    func judge(_ observation: Observation, after history: [Observation] = []) -> Violation? {
        var oracles = oracles
        Self.inform(&oracles, of: history)
        for index in oracles.indices {
            if let statement = oracles[index].observe(observation) {
                return Violation(oracle: oracles[index].name, statement: statement, at: 0)
            }
        }
        return nil
    }

    private static func inform(_ oracles: inout [any Oracle], of observations: [Observation]) {
        for observation in observations {
            for index in oracles.indices { _ = oracles[index].observe(observation) }
        }
    }
}
