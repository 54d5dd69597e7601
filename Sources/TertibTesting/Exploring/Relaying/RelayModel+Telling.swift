import TertibCore

extension RelayModel {
    /// The steps in words, each as it happens.
    func timeline(of steps: [RelayStep]) -> [String] {
        var state = initialState
        return steps.map { step in
            let line = tell(step, in: state)
            _ = take(step, in: &state)
            return line
        }
    }

    /// A step in words, as it is about to happen.
    func tell(_ step: RelayStep, in state: RelayState) -> String {
        let number = Int(step.number)
        let who = "relay \(Character(UnicodeScalar(UInt8(65 + number))))"
        switch step.kind {
        case .stage: return "\(name(4 * number + staged(number, state))) is staged"
        case .begin: return "\(who) begins a round"
        case .call: return "\(who) \(words(state, number))"
        case .answerIsLost: return "\(who) \(words(state, number)), and no answer comes"
        case .publishIsLost: return "\(who) \(words(state, number)), which never arrives"
        case .publishIsLate: return "\(who) \(words(state, number)), which is on its way for long"
        case .brokerIsAway: return "\(who) \(words(state, number)), and the broker is away for long"
        case .brokerGoesAway: return "\(who) \(words(state, number)), which arrives, and the broker goes away for long"
        case .commitIsUnknown: return "\(who) \(words(state, number)), commits, and does not hear of it"
        case .commitIsLost: return "\(who) \(words(state, number)), and loses its connection at the commit"
        case .crash: return "\(who) crashes"
        case .lateArrives: return "the message that was on its way arrives"
        case .idsAreForgotten: return "the broker forgets the ids of what it has"
        case .timePasses: return "time passes, nobody holds a row any more"
        }
    }

    private func name(_ event: Int) -> String {
        let envelope = vocabulary.envelopes[RelayVocabulary.message(of: event)]
        return "\(envelope.aggregate)@\(envelope.version)"
    }

    private func words(_ state: RelayState, _ relay: Int) -> String {
        switch book.nodes[Int(state.nodes[relay])].call {
        case .summary: "counts what is unpublished"
        case .claim: "takes the lowest rows"
        case .rows(let aggregate): "reads the rows of \(vocabulary.aggregates[aggregate])"
        case .publish(let entry, let expected):
            "publishes \(name(Int((entry & ~RelayState.alien) - 1)))"
                + (expected.map { " behind message \($0)" } ?? "")
        case .message, .first, .last, .state: "looks at the stream"
        case .mark(let published, let later):
            "marks \(published.keys.sorted().map(name).joined(separator: ", ")) published"
                + (later.isEmpty ? "" : ", and gives back \(later.map(name).joined(separator: ", "))")
        case nil: "has ended its round"
        }
    }
}
