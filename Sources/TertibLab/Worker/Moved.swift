import Foundation
import TertibRuntime

/// The one event of the lab: an amount is moved.
struct Moved: DomainEvent, Hashable {
    static let eventType = "lab.moved"

    /// What the handler is to do with it.
    enum Temper: String, Codable, Hashable, Sendable {
        /// Fails at the first attempt, whichever replica makes it.
        case flaky
        /// Fails always.
        case poison
        /// Ends the process at the first attempt, as a trap of Swift's does.
        case trap
    }

    /// What is folded into the aggregate's value.
    var amount: Int
    /// Which staged or appended event it is; 0 for others.
    var number = 0
    /// `nil` for an ordinary event.
    var temper: Temper?
    /// A text that nobody may find anywhere else.
    var note: String?

    /// The payload as JSON: the same bytes each time, so that a copy is one byte for byte.
    var json: [UInt8] {
        get throws {
            let encoder = JSONEncoder()
            encoder.outputFormatting = .sortedKeys
            return Array(try encoder.encode(self))
        }
    }
}

/// The value of an aggregate after its events: another order, a duplicate or a hole give another value.
enum Fold {
    static let start = 7
    static let modulus = 1_000_000_007

    /// The value after one more event. The worker's SQL computes the same.
    static func next(_ value: Int, _ amount: Int) -> Int { (value * 31 + amount) % modulus }
}
