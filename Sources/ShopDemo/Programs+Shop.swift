import Foundation
import TertibLab

extension Programs {
    /// Whether all programs of the shop are there.
    static func check(_ options: DemoOptions) throws {
        for name in Set(Role.allCases.map(\.program)).sorted() {
            guard !isProgram("\(options.programFolder)/\(name)") else { continue }
            throw LabError(
                "The demo needs the shop's programs.", why: "\(options.programFolder) has no \(name).",
                advice: "Build them all with `swift build`; they belong beside `shop-demo`.")
        }
    }
}
