import TertibCore

extension Publisher {
    /// The event as a planted bug publishes it again; `nil` without one.
    func plantedRetry(of envelope: Envelope) -> WireMessage? {
        guard PlantedBug.retryMintsNewID.isActive, let id = try? context.mintEventID() else { return nil }
        var other = envelope
        other.id = id
        return codec.encode(other)
    }
}
