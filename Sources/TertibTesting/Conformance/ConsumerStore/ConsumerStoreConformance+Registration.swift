import TertibRuntime
import TertibCore

extension ConsumerStoreConformance {
    static var registrationChecks: [Check] {
        [
            check("the first registration is inserted, and later ones get it") { store in
                let consumer = try Sample.consumer()
                let mine = try registration("mine")
                let other = try registration("other")
                let first = try await store.transaction { try $0.registration(consumer, insertingIfAbsent: mine) }
                let second = try await store.transaction { try $0.registration(consumer, insertingIfAbsent: other) }
                try Expect.equal(first, mine, "the registration inserted")
                try Expect.equal(second, mine, "the registration that was there")
            },
            check("a registration is replaced as a whole") { store in
                let consumer = try Sample.consumer()
                let first = try registration("mine")
                let second = ConsumerRegistration(
                    storeID: "another", stream: try StreamName("OTHER"), streamCreatedAt: later(5),
                    acknowledgedFloor: StreamSequence(123_456_789_012), generation: 4)
                try await store.transaction { transaction in
                    _ = try transaction.registration(consumer, insertingIfAbsent: first)
                    try transaction.writeRegistration(consumer, second)
                }
                let found = try await store.transaction { try $0.registration(consumer, insertingIfAbsent: first) }
                try Expect.equal(found, second, "the registration")
            },
            check("consumers have registrations of their own, and a reader lists them") { store in
                let names = try Sample.each(["payments", "orders"]) { try ConsumerName($0) }
                for name in names {
                    let fresh = try registration(name.text)
                    _ = try await store.transaction { try $0.registration(name, insertingIfAbsent: fresh) }
                }
                let found = try await store.read { try $0.consumers() }
                try Expect.equal(
                    found.mapValues(\.storeID), [names[0]: "payments", names[1]: "orders"], "the consumers")
            },
            checkReplicas("replicas that register at once agree on one registration") { first, second in
                let consumer = try Sample.consumer()
                let found = try await withThrowingTaskGroup(of: ConsumerRegistration.self) { group in
                    for (offset, store) in [first, second, first, second].enumerated() {
                        let fresh = try registration("store-\(offset)")
                        group.addTask {
                            try await retryingConflicts {
                                try await store.transaction {
                                    try $0.registration(consumer, insertingIfAbsent: fresh)
                                }
                            }
                        }
                    }
                    return try await group.reduce(into: Set<ConsumerRegistration>()) { $0.insert($1) }
                }
                try Expect.equal(found.count, 1, "the different registrations that four replicas got")
            },
        ]
    }

    private static func registration(_ storeID: String) throws -> ConsumerRegistration {
        ConsumerRegistration(storeID: storeID, stream: try StreamName("SHOP"), streamCreatedAt: Sample.instant)
    }
}
