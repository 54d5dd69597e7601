import Foundation
import TertibLab

extension ExperimentReport {
    /// What `--json` prints.
    var document: String {
        get throws {
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
            return String(decoding: try encoder.encode(self), as: UTF8.self)
        }
    }

    /// What people see.
    var table: Table {
        var table = Table([
            .text("fault"), .text("how"), .number("replicas"), .number("wrong rows"), .number("lost"),
            .number("twice"), .number("stuck"), .number("coming again"), .number("redeliveries"), .number("seconds"),
        ])
        for profile in profiles {
            for mode in ExperimentMode.allCases {
                for cell in row(mode, profile) {
                    let isRight = cell.inconsistentRows == 0
                    table.add([
                        .init(profile.name), .init(mode.name, .bold), .init(Words.count(cell.replicas)),
                        .init("\(cell.inconsistentRows) of \(cell.rows)", isRight ? .good : .bad),
                        .init(Words.count(cell.lostEvents)), .init(Words.count(cell.appliedTwice)),
                        .init(Words.count(cell.stuckAggregates)), .init(Words.count(cell.stuckDeliveries)),
                        .init("\(cell.redeliveriesPerEvent)"), .init(cell.secondsToRest.map { "\($0)" } ?? "never"),
                    ])
                }
            }
        }
        return table
    }
}
