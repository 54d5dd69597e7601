// swift-tools-version: 6.2
import PackageDescription

/// What every target is compiled with: Swift 6 mode and the upcoming features that make imports and existentials
/// explicit.
let settings: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("InternalImportsByDefault"),
]

let log = Target.Dependency.product(name: "Logging", package: "swift-log")
let metrics = Target.Dependency.product(name: "Metrics", package: "swift-metrics")
let tracing = Target.Dependency.product(name: "Tracing", package: "swift-distributed-tracing")
let lifecycle = Target.Dependency.product(name: "ServiceLifecycle", package: "swift-service-lifecycle")
let signals = Target.Dependency.product(name: "UnixSignals", package: "swift-service-lifecycle")
let grdb = Target.Dependency.product(name: "GRDB", package: "GRDB.swift", condition: .when(traits: ["SQLite"]))
let grdbSQLite = Target.Dependency.product(
    name: "GRDBSQLite", package: "GRDB.swift", condition: .when(traits: ["SQLite"]))
let postgres = Target.Dependency.target(name: "TertibPostgres", condition: .when(traits: ["PostgreSQL"]))
let sqlite = Target.Dependency.target(name: "TertibSQLite", condition: .when(traits: ["SQLite"]))
let arguments = Target.Dependency.product(
    name: "ArgumentParser", package: "swift-argument-parser", condition: .when(traits: ["CommandLine"]))
let subprocess = Target.Dependency.product(
    name: "Subprocess", package: "swift-subprocess", condition: .when(traits: ["CommandLine"]))

/// A target that only programs with a command line link.
func program(_ name: String) -> Target.Dependency {
    .target(name: name, condition: .when(traits: ["CommandLine"]))
}

let package = Package(
    name: "tertib",
    products: [
        .library(name: "Tertib", targets: ["Tertib"]),
        .library(name: "TertibTesting", targets: ["TertibTesting"]),
        .executable(name: "tertib", targets: ["TertibMain"]),
        .executable(name: "tertib-lab", targets: ["TertibLabMain"]),
        .executable(name: "shop-demo", targets: ["ShopDemoMain"]),
        .executable(name: "shop-catalog", targets: ["ShopCatalog"]),
        .executable(name: "shop-orders", targets: ["ShopOrders"]),
        .executable(name: "shop-payments", targets: ["ShopPayments"]),
        .executable(name: "shop-naive", targets: ["ShopNaive"]),
    ],
    traits: [
        .trait(name: "SQLite", description: "The SQLite store (GRDB)."),
        .trait(name: "PostgreSQL", description: "The PostgreSQL store (libpq)."),
        .trait(name: "CommandLine", description: "The tertib command line, the demo and the example shop."),
        .default(enabledTraits: ["SQLite", "CommandLine"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-log.git", from: "1.6.0"),
        .package(url: "https://github.com/apple/swift-metrics.git", from: "2.5.0"),
        .package(url: "https://github.com/apple/swift-distributed-tracing.git", from: "1.2.0"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle.git", from: "2.7.0"),
        .package(url: "https://github.com/groue/GRDB.swift.git", from: "7.5.0"),
        .package(url: "https://github.com/apple/swift-argument-parser.git", from: "1.5.0"),
        .package(url: "https://github.com/swiftlang/swift-subprocess.git", from: "1.0.0"),
    ],
    targets: [
        .systemLibrary(name: "CNats", pkgConfig: "libnats", providers: [.apt(["libnats-dev"])]),
        .systemLibrary(name: "CPostgres", pkgConfig: "libpq", providers: [.apt(["libpq-dev"])]),
        .target(name: "TertibCore"),
        .target(name: "TertibRuntime", dependencies: ["TertibCore", log, metrics, tracing, lifecycle]),
        .target(name: "TertibJetStream", dependencies: ["CNats", "TertibRuntime", "TertibCore", log]),
        .target(name: "TertibSQL", dependencies: ["TertibRuntime", "TertibCore"]),
        .target(name: "TertibSQLite", dependencies: ["TertibSQL", "TertibRuntime", grdb, grdbSQLite]),
        .target(name: "TertibPostgres", dependencies: ["CPostgres", "TertibSQL", "TertibRuntime", "TertibCore"]),
        .target(
            name: "TertibConfiguration", dependencies: ["TertibRuntime", "TertibJetStream", sqlite, postgres, log]),
        .target(name: "Tertib", dependencies: ["TertibConfiguration", "TertibCore", "TertibRuntime", sqlite]),
        .target(name: "TertibTesting", dependencies: ["TertibRuntime", log]),
        .target(name: "TertibTerminal", dependencies: ["TertibCore", arguments, signals]),
        .target(
            name: "TertibCLI",
            dependencies: [
                "TertibConfiguration", "TertibJetStream", "TertibTerminal", sqlite, postgres, log, lifecycle, signals,
                arguments,
            ]),
        .target(
            name: "TertibLab",
            dependencies: [
                "ModelChecker", "ShopEvents", "ShopService", "TertibConfiguration", "TertibTerminal", "TertibTesting",
                postgres, log, lifecycle, subprocess, arguments,
            ]),
        .executableTarget(name: "TertibMain", dependencies: [program("TertibCLI")]),
        .executableTarget(name: "TertibLabMain", dependencies: [program("TertibLab")]),
        .executableTarget(name: "ShopDemoMain", dependencies: [program("ShopDemo")]),

        .executableTarget(
            name: "StoreProbe", dependencies: ["TertibSQLite"], path: "Tests/Support/StoreProbe"),

        .target(name: "ShopEvents", dependencies: ["Tertib"]),
        .target(name: "ShopService", dependencies: ["Tertib", log, lifecycle, signals]),
        .executableTarget(name: "ShopCatalog", dependencies: ["ShopEvents", "ShopService"]),
        .executableTarget(name: "ShopOrders", dependencies: ["ShopEvents", "ShopService"]),
        .executableTarget(name: "ShopPayments", dependencies: ["ShopEvents", "ShopService"]),
        .executableTarget(name: "ShopNaive", dependencies: ["ShopEvents", "ShopService"]),
        .target(
            name: "ShopDemo",
            dependencies: ["ShopEvents", "ShopService", "Tertib", "TertibLab", "TertibTerminal", log, arguments]),

        .target(name: "ModelChecker", dependencies: ["TertibTesting"], path: "Tests/Verification/ModelChecker"),
        .target(name: "Permutations", dependencies: ["TertibTesting"], path: "Tests/Verification/Permutations"),
        .executableTarget(
            name: "MutantSearch", dependencies: ["ModelChecker", "TertibTesting"],
            path: "Tests/Verification/PlantedBugs/MutantSearch"),
        .testTarget(
            name: "ModelCheckerTests", dependencies: ["ModelChecker", "TertibTesting"],
            path: "Tests/Verification/ModelCheckerTests"),

        .target(name: "TestServers", path: "Tests/Support/TestServers"),
        .testTarget(name: "TertibCoreTests", dependencies: ["TertibCore"]),
        .testTarget(name: "TertibRuntimeTests", dependencies: ["TertibRuntime", "TertibTesting", sqlite]),
        .testTarget(
            name: "TertibTestingTests", dependencies: ["TertibTesting"], exclude: ["Simulation/Regressions"]),
        .testTarget(
            name: "TertibJetStreamTests", dependencies: ["TertibJetStream", "TertibTesting", "TestServers"]),
        .testTarget(
            name: "TertibClusterTests",
            dependencies: ["TertibJetStream", "TertibTesting", "TestServers", log, sqlite]),
        .testTarget(name: "TertibSQLTests", dependencies: ["TertibSQL", "TertibRuntime"], exclude: ["Released"]),
        .testTarget(
            name: "TertibSQLiteTests",
            dependencies: ["Permutations", "TertibSQL", "TertibSQLite", "TertibTesting", "StoreProbe", grdb, log]),
        .testTarget(
            name: "TertibPostgresTests",
            dependencies: ["Permutations", "TertibPostgres", "TertibSQL", "TertibTesting", "TestServers", log]),
        .testTarget(name: "TertibConfigurationTests", dependencies: ["TertibConfiguration", "TestServers"]),
        .testTarget(
            name: "TertibCLITests",
            dependencies: ["TertibCLI", "TertibTerminal", "TestServers", sqlite, arguments]),
        .testTarget(
            name: "TertibLabTests",
            dependencies: [
                "ModelChecker", "TertibConfiguration", "TertibLab", "TertibTerminal", "TertibTesting", "TestServers",
                sqlite, postgres, arguments,
            ]),
        .testTarget(
            name: "ShopTests",
            dependencies: [
                "ShopCatalog", "ShopDemo", "ShopOrders", "ShopPayments", "TestServers", "TertibConfiguration",
                "TertibLab", log, lifecycle,
            ]),
    ]
)

// The fuzz targets have libFuzzer's `main`, and so build with `--sanitize=fuzzer` only: `make fuzz` does.
if Context.environment["TERTIB_FUZZ"] != nil {
    package.targets += [
        .executableTarget(
            name: "FuzzWire", dependencies: ["TertibCore", "TertibJetStream"], path: "Tests/Verification/Fuzz/FuzzWire"),
        .executableTarget(
            name: "FuzzSubject", dependencies: ["TertibCore"], path: "Tests/Verification/Fuzz/FuzzSubject"),
        .executableTarget(
            name: "FuzzConfiguration", dependencies: ["TertibConfiguration"],
            path: "Tests/Verification/Fuzz/FuzzConfiguration"),
        .executableTarget(
            name: "FuzzEventLines", dependencies: ["TertibCLI"], path: "Tests/Verification/Fuzz/FuzzEventLines"),
    ]
}

for target in package.targets where target.type != .system {
    target.swiftSettings = settings
    if target.path?.hasPrefix("Tests/Verification/Fuzz/") == true {
        target.swiftSettings? += [.unsafeFlags(["-parse-as-library"])]
    }
}
