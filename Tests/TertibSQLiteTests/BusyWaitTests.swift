import TertibRuntime
import Testing

@testable import TertibSQLite

@Suite("Waiting for a lock")
struct BusyWaitTests {
    private static func error(_ code: StoreError.Code) -> StoreError {
        StoreError(code, attempted: "open", reason: "a test")
    }

    @Test("Waiting for a lock tries again while the database is busy")
    func again() throws {
        var attempts = 0
        let result = try BusyWait.retrying(upTo: .seconds(60)) { () throws(StoreError) in
            attempts += 1
            if attempts < 4 { throw Self.error(.conflict) }
            return "opened"
        }
        #expect(result == "opened")
        #expect(attempts == 4)
    }

    @Test("Waiting for a lock ends with the conflict when its time is over")
    func ends() {
        let failure = #expect(throws: StoreError.self) {
            try BusyWait.retrying(upTo: .milliseconds(1)) { () throws(StoreError) in throw Self.error(.conflict) }
        }
        #expect(failure?.code == .conflict)
    }

    @Test("Waiting for a lock does not try again after any other failure")
    func other() {
        var attempts = 0
        let failure = #expect(throws: StoreError.self) {
            try BusyWait.retrying(upTo: .seconds(60)) { () throws(StoreError) in
                attempts += 1
                throw Self.error(.unavailable)
            }
        }
        #expect(failure?.code == .unavailable)
        #expect(attempts == 1)
    }

    @Test("Waiting for a lock starts its time anew for every lock, and gives up when it is over")
    func deadline() {
        let patient = BusyWait(limit: .seconds(60))
        #expect(patient.wait(attempt: 0))
        #expect(patient.wait(attempt: 1_000_000))
        let hasty = BusyWait(limit: .zero)
        #expect(!hasty.wait(attempt: 0))
    }
}
