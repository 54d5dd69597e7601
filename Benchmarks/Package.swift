// swift-tools-version: 6.2
import PackageDescription

/// What the bus costs, beside the same work done by the C libraries alone. A package of its own, so that nobody who uses
/// the bus builds it; `make bench` does.
let package = Package(
    name: "tertib-benchmarks",
    dependencies: [
        .package(name: "tertib", path: "..", traits: ["SQLite", "PostgreSQL"]),
        .package(url: "https://github.com/apple/swift-log.git", from: "1.6.0"),
    ],
    targets: [
        .target(
            name: "RawPaths",
            linkerSettings: [.linkedLibrary("nats"), .linkedLibrary("pq"), .linkedLibrary("sqlite3")]),
        .executableTarget(
            name: "Benchmarks",
            dependencies: [
                "RawPaths",
                .product(name: "Tertib", package: "tertib"),
                .product(name: "Logging", package: "swift-log"),
            ],
            swiftSettings: [
                .swiftLanguageMode(.v6), .enableUpcomingFeature("ExistentialAny"),
                .enableUpcomingFeature("MemberImportVisibility"), .enableUpcomingFeature("InternalImportsByDefault"),
            ]),
    ]
)
