import Testing

/// A configuration without a mistake.
struct GoodFile: Sendable, CustomTestStringConvertible {
    let name: String
    let text: String

    init(_ name: String, _ text: String) {
        self.name = name
        self.text = text
    }

    var testDescription: String { name }
}

/// Configurations that the reader accepts, with the files of ``Workspace/writeNamedFiles()``.
enum GoodFiles {
    /// Every setting, each with another value than its default where it can have one.
    static let everything = """
        {
          "$schema": "configuration.schema.json",
          "service": "orders-2",
          "nats": {
            "servers": ["tls://nats-0.example.com:4222", "nats://[::1]:65535", "nats://under_score"],
            "authentication": { "kind": "password", "user": "orders", "passwordFile": "password" },
            "tls": { "required": true, "caFile": "ca.pem", "certificateFile": "a.pem", "keyFile": "a.key" },
            "inboxPrefix": "_INBOX_orders.x", "apiPrefix": "$JS.hub.API"
          },
          "stream": { "name": "SHOP_2", "namespace": "shop-2", "replicas": 3, "manage": "check" },
          "store": { "kind": "sqlite", "path": "./orders.sqlite" },
          "consumers": {
            "orders": {
              "aggregates": { "product": { "ordering": "strict" }, "order_line-2": {} }, "maxAckPending": 5000,
              "handlerLimit": "10s", "baseline": "strict", "batch": 64, "acknowledgementWait": "1m30s",
              "gap": { "hold": "0ms", "limit": "1h", "onTrimmed": "alarm", "onNeverPublished": "alarm" },
              "retry": { "maxAttempts": 1, "maxCrashes": 3, "initialDelay": "1ms", "maxDelay": "24h" },
              "parked": { "maxPerAggregate": 10, "maxTotal": 10 }
            },
            "copies": {}
          },
          "publishes": { "order": "outbox", "cart": "append" },
          "outbox": { "inFlight": 1, "hold": "720h" },
          "log": { "level": "trace", "format": "json" }
        }
        """

    static let all: [GoodFile] = [
        GoodFile("minimal", Sample.minimal),
        GoodFile("everything", everything),
        GoodFile("empty sections", Sample.file(["consumers": "{}", "publishes": "{}", "outbox": "{}", "log": "{}"])),
        GoodFile("no authentication", Sample.authentication(#"{ "kind": "none" }"#)),
        GoodFile("credentials", Sample.authentication(#"{ "kind": "credentials", "file": "a.creds" }"#)),
        GoodFile(
            "nkey",
            Sample.authentication(
                #"{ "kind": "nkey", "publicKey": "U\#(String(repeating: "A2", count: 27))Z", "seedFile": "a.nk" }"#)),
        GoodFile("token", Sample.authentication(#"{ "kind": "token", "tokenFile": "token" }"#)),
        GoodFile("PostgreSQL", Sample.postgres(#""postgresql://orders@db/orders""#)),
        GoodFile(
            "PostgreSQL with a password",
            Sample.postgres(
                #""postgres://orders@db-1:5432,db-2/orders?sslmode=verify-full&target_session_attrs=read-write", "#
                    + #""password": { "file": "password" }"#)),
        GoodFile(
            "PostgreSQL with a password in the environment",
            Sample.postgres(#""postgresql://orders@db/orders", "password": { "environment": "PASSWORD" }"#)),
        GoodFile("PostgreSQL by a socket", Sample.postgres(#""postgresql:///orders?host=/var/run/postgresql""#)),
        GoodFile("PostgreSQL by an address", Sample.postgres(#""postgresql://orders@[::1]:5433/orders%20of%202026""#)),
        GoodFile("empty TLS", Sample.tls("{}")),
        GoodFile("TLS not required", Sample.tls(#"{ "required": false }"#)),
        GoodFile("authorities only", Sample.tls(#"{ "caFile": "ca.pem" }"#)),
        GoodFile("tls:// without a section", Sample.servers(#"["tls://a"]"#)),
        GoodFile("defaults of features to come", Sample.consumer(#"{ "handlerLimit": "10s", "retry": {} }"#)),
        GoodFile("escaped keys", Sample.minimal.replacing("\"service\"", with: "\"\\u0073ervice\"")),
    ]
}
