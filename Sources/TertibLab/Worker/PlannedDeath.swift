import Foundation
import ShopService
import Synchronization
import TertibTesting

/// Ends the process like `kill -9` when it comes to a site for the n-th time.
final class PlannedDeath: Sendable {
    let site: CrashSite
    let nth: Int
    private let kill: @Sendable () -> Void
    private let counts = Mutex<[CrashSite: Int]>([:])

    /// The status of a process that has ended itself, which is that of one killed with SIGKILL.
    static let status: Int32 = 137

    /// Reads `SITE:N`.
    init(_ text: String, kill: @escaping @Sendable () -> Void = { _exit(status) }) throws(ServiceArguments.Unusable) {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        guard parts.count == 2, let site = CrashSite(String(parts[0])), let nth = Int(parts[1]), nth > 0 else {
            throw ServiceArguments.Unusable(
                description: "\(text) is not SITE:N, with a site such as \(CrashSite.names.joined(separator: ", "))")
        }
        (self.site, self.nth, self.kill) = (site, nth, kill)
    }

    /// What the decorators of log and store ask at each call.
    @Sendable
    func isAlive(at site: CrashSite) -> Bool {
        let count = counts.withLock { counts in
            counts[site, default: 0] += 1
            return counts[site] ?? 0
        }
        guard count == nth else { return true }
        if site == self.site {
            kill()
        } else if self.site.side == .halfway, site == CrashSite(self.site.call, .before), site.call != .answer {
            killDuringCommit()
        }
        return true
    }

    /// A commit is about to be made: the process ends in the midst of it, or, if it takes less than a moment, before its
    /// caller learns of it.
    private func killDuringCommit() {
        let moment = UInt32.random(in: 0...2000)
        Thread.detachNewThread {
            usleep(moment)
            self.kill()
        }
    }
}
