import TertibCore

extension ConsumerRegistration {
    /// Refuses a stream that is not the one that the watermarks speak of, be it another one of the same name.
    func check(_ state: StreamState, for consumer: ConsumerName) throws(ConsumerError) {
        guard stream == state.name else {
            throw ConsumerError(
                .streamChanged, consumer: consumer,
                reason: "its database follows the stream \(stream), the configuration says \(state.name)",
                advice: "Set stream.name back, or start with a fresh database.")
        }
        guard streamCreatedAt == state.createdAt else {
            throw ConsumerError(
                .streamChanged, consumer: consumer,
                reason: "the stream \(state.name) was created anew at \(state.createdAt); its database follows the one "
                    + "created at \(streamCreatedAt)",
                advice: "Versions may have started again. Restore the stream, or start with a fresh database.")
        }
    }
}
