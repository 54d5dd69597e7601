import TertibCore

extension EventLog {
    /// Asks what a machine wants to know.
    func answer(to request: LogRequest) async -> LogAnswer {
        do throws(EventLogError) {
            switch request {
            case .publish(let message, let sequence):
                return .published(await publish(message, expecting: .lastSequence(sequence)))
            case .message(let sequence):
                return .message(try await message(at: sequence, from: .leader))
            case .nextMessage(let subject, let sequence):
                return .message(try await firstMessage(on: subject, from: sequence.next, source: .leader))
            case .lastMessage(let subject):
                return .message(try await lastMessage(on: subject, from: .leader))
            case .state:
                return .state(try await state())
            }
        } catch {
            return .failed(error)
        }
    }
}

extension RuntimeContext {
    /// Waits for a time drawn evenly between the two, as a machine's step says.
    func sleep(atLeast least: Duration, atMost most: Duration) async throws {
        try await time.sleep(for: least + jitter(upTo: most - least))
    }
}
