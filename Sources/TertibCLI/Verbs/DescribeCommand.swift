import TertibCore
import ArgumentParser
import TertibConfiguration
import TertibTerminal

/// `tertib describe`
struct DescribeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "describe", abstract: "The effective configuration, and where each value comes from.",
        discussion: """
            Nothing is opened. Secrets are never shown.

              tertib describe --config orders.json
            """)

    @OptionGroup var common: CommonOptions

    func run() async throws {
        let settings = try common.load().settings
        let console = Console.standard
        if common.output.json {
            console.write(
                .array(
                    settings.map { setting in
                        [
                            "path": .string(setting.path), "value": .string(setting.value),
                            "origin": .string(setting.origin.words),
                        ]
                    }))
            return
        }
        var table = Table([.text("setting"), .text("value", shrinksTo: 16), .text("from")])
        for setting in settings {
            let isDefault = setting.origin == .default
            table.add([
                .init(setting.path), .init(setting.value, isDefault ? .faint : .plain),
                .init(setting.origin.words, .faint),
            ])
        }
        console.write(table)
    }
}

extension SettingOrigin {
    /// `default`, or the place in the file.
    fileprivate var words: String {
        switch self {
        case .default: "default"
        case .file(let line, let column): "line \(line), column \(column)"
        }
    }
}
