/// One step of a small world.
struct ExplorerStep: Hashable, Sendable {
    enum Kind: UInt8, CaseIterable {
        case deliver, begin, beginAfterHold, call, callConflicts, callFails, commit, commitIsUnknown, commitIsLost,
            acknowledge, loseAcknowledgement, crash, giveBack, sweep, wake, repair, timePasses
    }

    var kind: Kind
    var thread: UInt8 = 0
    var message: UInt8 = 0

    init(_ kind: Kind, _ thread: Int = 0, message: Int = 0) {
        self.kind = kind
        self.thread = UInt8(thread)
        self.message = UInt8(message)
    }

    /// In one number, for long lists of steps.
    var packed: UInt32 { UInt32(kind.rawValue) | UInt32(thread) << 8 | UInt32(message) << 16 }

    init(packed: UInt32) {
        kind = Kind(rawValue: UInt8(packed & 0xFF)) ?? .timePasses
        thread = UInt8(packed >> 8 & 0xFF)
        message = UInt8(packed >> 16 & 0xFF)
    }
}

/// What an oracle has found.
package struct ExplorerViolation: Hashable, Sendable, CustomStringConvertible {
    /// The oracle's name.
    package let oracle: String
    /// What it has seen.
    package let finding: String

    /// `applied-once: product/1@3 was applied twice`
    package var description: String { "\(oracle): \(finding)" }
}
