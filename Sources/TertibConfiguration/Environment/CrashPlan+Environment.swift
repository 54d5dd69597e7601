import TertibCore
import Foundation
import Synchronization
public import TertibRuntime

extension CrashPlan {
    /// The variable that makes a process crash on purpose: `POINT:N`.
    public static let environmentVariable = "TERTIB_CRASH"

    /// The exit status of such a crash, which is that of a process killed with `SIGKILL`.
    static let crashStatus: Int32 = 137

    /// The plan that `TERTIB_CRASH=POINT:N` asks for: the process ends, without cleaning up anything, when it reaches
    /// the crash point for the N-th time. Without the variable nothing happens at any point.
    /// - Throws: ``ConfigurationError`` when the variable is set and says something else.
    public static func fromEnvironment() throws(ConfigurationError) -> CrashPlan {
        guard let text = ProcessInfo.processInfo.environment[environmentVariable] else { return .none }
        return try CrashPlan(text) { _exit(crashStatus) }
    }

    /// The plan that calls `crash` when the point of `text` (`POINT:N`) is reached for the N-th time.
    init(_ text: String, crash: @escaping @Sendable () -> Void) throws(ConfigurationError) {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        guard parts.count == 2, let point = CrashPoint(rawValue: String(parts[0])), !parts[1].isEmpty,
            parts[1].utf8.allSatisfy({ $0 &- UInt8(ascii: "0") < 10 }), let count = Int(parts[1]), count > 0
        else { throw Self.malformed(text, parts.first.map(String.init) ?? "") }
        let reached = ReachCounter()
        self.init { reachedPoint in
            if reachedPoint == point, reached.increment() == count { crash() }
        }
    }

    private static func malformed(_ text: String, _ point: String) -> ConfigurationError {
        let points = CrashPoint.allCases.map(\.rawValue)
        let nearest = points.contains(point) ? nil : NearestName.nearest(to: point, among: points)
        return ConfigurationError(
            ConfigurationProblem(
                code: .invalidValue, file: "environment", line: nil, column: nil, path: environmentVariable,
                problem: "is not a crash point and a number",
                reason: "expected POINT:N with a point of \(points.joined(separator: ", ")), found "
                    + QuotedText.quote(text),
                advice: nearest.map { "did you mean \"\($0):1\"?" } ?? "write \"afterCommit:1\", or unset the variable")
        )
    }
}

/// Counts how often a crash point was reached, from any thread.
private final class ReachCounter: Sendable {
    private let count = Atomic(0)

    func increment() -> Int {
        count.wrappingAdd(1, ordering: .relaxed).newValue
    }
}
