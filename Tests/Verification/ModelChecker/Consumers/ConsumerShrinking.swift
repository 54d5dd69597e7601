extension ConsumerWorld {
    package typealias Candidate = (setup: ConsumerScenario, steps: [Step<Action>])

    package static func smaller(_ setup: ConsumerScenario, _ steps: [Step<Action>]) -> [Candidate] {
        func changed(_ change: (inout ConsumerScenario) -> Void) -> Candidate {
            var changed = setup
            change(&changed)
            return (changed, steps)
        }
        var candidates: [Candidate] = []
        let frugal = changed { $0.faults = spent(by: steps, in: setup) }
        if frugal.setup != setup { candidates.append(frugal) }
        for message in setup.messages.indices {
            candidates += [true, false].map { without(message, closingUp: $0, setup, steps) }
        }
        for thread in 0..<setup.threads {
            candidates.append(without(thread: thread, replacedBy: nil, setup, steps))
            for other in 0..<setup.replicas where thread < setup.replicas && other != thread {
                candidates.append(without(thread: thread, replacedBy: other, setup, steps))
            }
        }
        for message in setup.messages.indices where setup.messages[message].behaviour != .applies {
            candidates.append(changed { $0.messages[message].behaviour = .applies })
        }
        if setup.allowed(.duplicate) > 0 { candidates.append(changed { $0.faults[.duplicate, default: 0] -= 1 }) }
        if setup.maxAttempts > 1 { candidates.append(changed { $0.maxAttempts -= 1 }) }
        if setup.holds { candidates.append(changed { $0.holds = false }) }
        if setup.isolation == .readCommitted { candidates.append(changed { $0.isolation = .oneWriter }) }
        return candidates
    }

    /// The faults that the steps need.
    private static func spent(by steps: [Step<Action>], in setup: ConsumerScenario) -> [Fault: Int] {
        var spent: [Fault: Int] = [:]
        for step in steps {
            switch step.action {
            case .crash: spent[.crash, default: 0] += 1
            case .loseAcknowledgement: spent[.lostAcknowledgement, default: 0] += 1
            case .callConflicts: spent[.conflict, default: 0] += 1
            case .commitIsUnknown, .commitIsLost: spent[.unknownCommit, default: 0] += 1
            case .sweep: spent[.sweep, default: 0] += 1
            case .callFails: spent[.failure, default: 0] += 1
            case .giveBack: spent[.giveBack, default: 0] += 1
            case .deliver: if setup.allowed(.duplicate) > 0 { spent[.duplicate] = setup.allowed(.duplicate) }
            case .begin, .beginAfterHold, .call, .commit, .acknowledge, .wake, .repair, .timePasses: break
            }
        }
        return spent
    }

    /// A scenario without a message; its aggregate's later versions close up, or there is a gap for good.
    private static func without(
        _ message: Int, closingUp: Bool, _ setup: ConsumerScenario, _ steps: [Step<Action>]
    ) -> Candidate {
        var smaller = setup
        let gone = smaller.messages.remove(at: message)
        let isLast = !smaller.messages.contains { $0.aggregate == gone.aggregate && $0.version == gone.version }
        let isAggregateGone = !smaller.messages.contains { $0.aggregate == gone.aggregate }
        for index in smaller.messages.indices {
            let other = smaller.messages[index]
            if closingUp, isLast, other.aggregate == gone.aggregate, other.version > gone.version {
                smaller.messages[index].version -= 1
            }
            if isAggregateGone, other.aggregate > gone.aggregate { smaller.messages[index].aggregate -= 1 }
        }
        let renamed = steps.compactMap { step -> Step<Action>? in
            guard step.action == .deliver else { return step }
            let number = Int(step.message)
            if number == message { return nil }
            return Step(.deliver, Int(step.thread), message: number > message ? number - 1 : number)
        }
        return (smaller, renamed)
    }

    /// A scenario without a replica or sweeper; its steps are left out, or another replica takes them.
    private static func without(
        thread: Int, replacedBy other: Int?, _ setup: ConsumerScenario, _ steps: [Step<Action>]
    ) -> Candidate {
        var smaller = setup
        if thread < setup.replicas { smaller.replicas -= 1 } else { smaller.sweepers -= 1 }
        let renamed = steps.compactMap { step -> Step<Action>? in
            var number = Int(step.thread)
            if step.action != .timePasses, number == thread {
                guard let other else { return nil }
                number = other
            }
            return Step(step.action, number > thread ? number - 1 : number, message: Int(step.message))
        }
        return (smaller, renamed)
    }
}
