// swift-tools-version: 6.2
import PackageDescription

/// A service of somebody else's: what it has to fetch and build is what every adopter has to.
let package = Package(
    name: "orders-service",
    dependencies: [
        .package(name: "tertib", path: "../..", traits: ["SQLite"]),
        .package(url: "https://github.com/groue/GRDB.swift.git", from: "7.5.0"),
        .package(url: "https://github.com/apple/swift-log.git", from: "1.6.0"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle.git", from: "2.7.0"),
    ],
    targets: [
        .executableTarget(
            name: "OrdersService",
            dependencies: [
                .product(name: "Tertib", package: "tertib"),
                .product(name: "GRDB", package: "GRDB.swift"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
            ])
    ]
)
