/// How long to wait before the next attempt to connect: doubling, with jitter, for ever.
struct Backoff: Sendable {
    /// This many refusals one after the other are the settings' fault: libnats 3.4.1 fails some valid logins at random.
    static let authenticationAttempts = 3
    private static let first = Duration.milliseconds(100)
    private static let longest = Duration.seconds(5)

    private(set) var failures = 0
    private(set) var authenticationFailures = 0

    /// The wait after another failure. `jitter` is a random number from 0 to 1.
    mutating func failed(isAuthentication: Bool, jitter: Double) -> Duration {
        failures += 1
        authenticationFailures = isAuthentication ? authenticationFailures + 1 : 0
        let doubled = Self.first * (1 << min(failures - 1, 10))
        return min(doubled, Self.longest) * (0.5 + jitter / 2)
    }

    mutating func succeeded() {
        self = Backoff()
    }

    /// Whether the credentials have been refused so often that waiting will not help.
    var hasRejectedCredentials: Bool { authenticationFailures >= Self.authenticationAttempts }
}
