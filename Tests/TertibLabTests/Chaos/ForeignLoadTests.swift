import Testing

@testable import TertibLab

@Suite("The foreign publisher's load")
struct ForeignLoadTests {
    private func messages(seed: UInt64, total: Int) -> [ForeignLoad.Message] {
        var load = ForeignLoad(seed: seed, total: total)
        var messages: [ForeignLoad.Message] = []
        while let block = load.next() { messages += block }
        return messages
    }

    @Test("follows from its seed alone")
    func seeded() {
        #expect(messages(seed: 3, total: 3000) == messages(seed: 3, total: 3000))
        #expect(messages(seed: 3, total: 3000) != messages(seed: 4, total: 3000))
    }

    @Test("has every version of every aggregate from 1 on, in disorder and with copies that are true", arguments: 1...4)
    func complete(seed: Int) throws {
        let messages = messages(seed: UInt64(seed), total: 5000)
        let byAggregate = Dictionary(grouping: messages) { "\($0.type)/\($0.id)" }
        for (aggregate, messages) in byAggregate {
            let versions = Set(messages.map(\.version))
            #expect(versions == Set(1...Int64(versions.count)), "\(aggregate)")
            for (version, copies) in Dictionary(grouping: messages, by: \.version) {
                let events =
                    aggregate.hasPrefix(ForeignLoad.forkType) && version == ForeignLoad.forkVersion ? 2 : 1
                #expect(Set(copies.map(\.payload)).count == events)
                #expect(Set(copies.map(\.eventID)).count == events)
                #expect(copies.count { !$0.isDuplicate } == events)
            }
        }
        #expect(messages.count { $0.isDuplicate } > 100)
        #expect(messages.contains { $0.payload.temper == .flaky })
        #expect(messages.contains { $0.payload.temper == .trap })
        #expect(messages.contains { $0.payload.temper == .poison && $0.version == ForeignLoad.poisonVersion })
        #expect(messages.contains { $0.writer == 2 })
        let isSorted = byAggregate.values.allSatisfy { $0.map(\.version) == $0.map(\.version).sorted() }
        #expect(!isSorted)
    }
}
