import ArgumentParser
import Logging
import TertibRuntime
import TertibConfiguration
import TertibCore
import TertibJetStream
import TertibTerminal

/// `tertib doctor`
struct DoctorCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "doctor", abstract: "Look at configuration, broker and database for what will bite.",
        discussion: """
            It changes nothing. It ends with 1 when something fails: what does not work, or will lose events. Warnings \\
            are what will bite some day.

              tertib doctor --config orders.json
              tertib doctor --config orders.json --json | jq '.findings[] | select(.level == "fail")'
            """)

    @OptionGroup var common: CommonOptions

    func run() async throws {
        let configuration = try common.load()
        let logger = common.output.logger(configuration, fallback: .error)
        var findings = configuration.warnings.map { warning in
            Finding(.warn, "configuration", warning.summary, advice: warning.advice)
        }
        let store = try await StoreExamination.run(configuration)
        findings += store.findings
        findings += try await examineBroker(configuration, store) {
            try JetStreamLog.open(configuration.jetStreamOptions, logger: logger)
        }
        findings = Finding.Level.allCases.flatMap { level in findings.filter { $0.level == level } }
        let console = Console.standard
        if common.output.json {
            console.write(Self.document(findings))
        } else {
            for line in Self.lines(findings, for: console.output) { console.write(line) }
        }
        if findings.contains(where: { $0.level == .fail }) { throw ExitCode(ExitStatus.wrong.rawValue) }
    }

    private func examineBroker(
        _ configuration: ServiceConfiguration, _ store: StoreExamination, _ open: () throws -> JetStreamLog
    ) async throws -> [Finding] {
        let log = try open()
        let options = configuration.options
        let subscriptions = options.consumers.values.sorted { $0.name < $1.name }.map { consumer in
            consumer.subscription(
                durableName: options.durableName(of: consumer.name),
                storeID: store.registrations[consumer.name]?.storeID ?? "")
        }
        var findings = await log.examine(subscriptions, publishes: !options.publishes.isEmpty)
        do {
            findings += store.findings(against: try await log.state())
        } catch {
            // Whatever is wrong with the stream is a finding already.
        }
        await log.close()
        return findings
    }

    static func document(_ findings: [Finding]) -> JSONValue {
        [
            "ok": .bool(!findings.contains { $0.level == .fail }),
            "findings": .array(
                findings.map { finding in
                    [
                        "level": .string(finding.level.rawValue), "check": .string(finding.check),
                        "message": .string(finding.message), "advice": .text(finding.advice),
                    ]
                }),
        ]
    }

    static func lines(_ findings: [Finding], for terminal: Terminal) -> [String] {
        var lines: [String] = []
        for finding in findings {
            let style: TextStyle =
                switch finding.level {
                case .fail: .bad
                case .warn: .warning
                case .info: .faint
                }
            let bullet = "\(finding.level.rawValue)  \(finding.check)  "
            var text = Paragraph.lines(
                SafeText.escaped(finding.message), width: terminal.width, bullet: bullet, indent: 6)
            text[0] =
                style.apply(finding.level.rawValue, on: terminal) + "  "
                + TextStyle.bold.apply(finding.check, on: terminal) + "  " + text[0].dropFirst(bullet.count)
            lines += text
            if let advice = finding.advice {
                lines += Paragraph.lines(SafeText.escaped(advice), width: terminal.width, bullet: "      ")
            }
        }
        func count(_ level: Finding.Level) -> Int { findings.count { $0.level == level } }
        let failures = count(.fail)
        let verdict =
            failures == 0
            ? TextStyle.good.apply("nothing fails", on: terminal)
            : TextStyle.bad.apply("\(Words.count(failures, "failure"))", on: terminal)
        return lines + ["", "\(verdict), \(Words.count(count(.warn), "warning"))"]
    }
}

extension ConsumerSettings {
    /// What a replica of this consumer asks of the broker.
    fileprivate func subscription(durableName: String, storeID: String) -> Subscription {
        Subscription(
            durableName: durableName, onlyType: aggregates?.count == 1 ? aggregates?.first : nil,
            acknowledgementWait: acknowledgementWait, maxAcknowledgementPending: maxAcknowledgementPending,
            pullLimit: batch, byteLimit: batchBytes, storeID: storeID)
    }
}
