public import Logging
import Synchronization
public import TertibCore
public import TertibRuntime

/// The event log of production: a stream of NATS JetStream.
///
/// A log connects by itself, in the background, and again whenever the connection is lost; a call that finds no
/// connection fails at once with ``EventLogError/Code/unavailable``. Every call is safe from any task, and none blocks
/// the cooperative pool: libnats is called on one thread of the log's own.
public final class JetStreamLog: EventLog {
    let connection: Connection
    let api: JetStreamAPI
    let logger: Logger
    /// Whether the stream answers direct reads, as far as it is known.
    let directGet = Mutex<Bool?>(nil)

    private init(_ connection: Connection, logger: Logger) {
        self.connection = connection
        self.logger = logger
        api = JetStreamAPI(connection)
    }

    deinit { connection.stop() }

    /// Checks the options and begins to connect. A broker that is away is no error.
    /// - Throws: ``EventLogError`` with code ``EventLogError/Code/invalid`` for settings that can never work: a file
    ///   that is missing, a password in a URL; ``EventLogError/Code/unsupported`` for a libnats that is not known.
    public static func open(
        _ options: JetStreamOptions, logger: Logger = Logger(label: "tertib.jetstream")
    ) throws(EventLogError) -> JetStreamLog {
        try LibraryVersion.check()
        try options.validate()
        for file in options.exposedSecretFiles {
            logger.warning("a secret file is readable by other users", metadata: ["file": "\(file)"])
        }
        let connection = Connection(options, logger: logger)
        connection.start()
        return JetStreamLog(connection, logger: logger)
    }

    /// Waits for a connection, at most as long as `limit`.
    /// - Throws: ``EventLogError``: `unavailable` after the limit; `authentication` once the credentials have been
    ///   refused several times, and `invalid` for unusable settings, without waiting any longer. The log itself goes on
    ///   trying in every case.
    public func waitUntilConnected(within limit: Duration) async throws(EventLogError) {
        _ = try await connection.waitUntilUp(within: limit)
    }

    /// Closes the connection after what was sent has been flushed. Idempotent.
    public func close() async {
        await connection.close()
    }
}
