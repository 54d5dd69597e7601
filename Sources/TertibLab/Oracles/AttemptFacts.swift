import Foundation

/// What the replicas' handlers have begun, by their files.
struct AttemptFacts: Sendable {
    /// Digests of `TYPE ID VERSION EVENT`.
    private(set) var begun: Set<UInt64> = []
    /// Attempts in all.
    private(set) var count = 0
    /// Versions that were to be applied a second time.
    private(set) var repetitions: [String] = []

    /// Nothing begun.
    init() {}

    /// Takes the lines of a replica's file. The last line of a killed one may be cut off.
    mutating func note(_ text: some StringProtocol) {
        for line in text.split(separator: "\n") {
            let rest = line.dropFirst(2)
            switch line.first {
            case "A":
                begun.insert(Digest.of(rest.utf8))
                count += 1
            case "!": repetitions.append(String(rest))
            default: continue
            }
        }
    }

    /// Reads a file, piece by piece.
    mutating func read(_ path: String) throws {
        let file = try FileHandle(forReadingFrom: URL(fileURLWithPath: path))
        defer { try? file.close() }
        var rest = Data()
        while let piece = try file.read(upToCount: 1 << 20), !piece.isEmpty {
            rest += piece
            guard let end = rest.lastIndex(of: UInt8(ascii: "\n")) else { continue }
            note(String(decoding: rest[...end], as: UTF8.self))
            rest = Data(rest[(end + 1)...])
        }
    }

    /// What stands for the attempt at an event.
    static func digest(_ type: String, _ id: String, _ version: Int64, eventID: String) -> UInt64 {
        Digest.of("\(type) \(id) \(version) \(eventID)".utf8)
    }
}
