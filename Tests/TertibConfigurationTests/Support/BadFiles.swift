import TertibConfiguration

/// The named mistakes of the fault matrix ("configuration errors"): syntax, keys, and the sections but the consumers'.
enum BadFiles {
    static let all = syntax + keys + names + servers + security + store + postgres + publishing + consumers

    static let syntax: [BadFile] = [
        BadFile("empty file", "§", .syntax, "$", "is empty"),
        BadFile("comment", "{\n  §// the service\n}", .syntax, "$", "no comments"),
        BadFile("trailing comma", "{ \"service\": \"orders\", §}", .syntax, "$", "a key in double quotes"),
        BadFile("missing comma", "{ \"service\": \"orders\" §\"nats\": {} }", .syntax, "$", "a comma"),
        BadFile("single quotes", "{ §'service': 'orders' }", .syntax, "$", "single quote"),
        BadFile("unquoted key", "{ §service: 1 }", .syntax, "$", "a key in double quotes"),
        BadFile("text after the end", Sample.minimal + "§{}", .syntax, "$", "the value is complete"),
        BadFile("cut off", "{\n  \"service\": §", .syntax, "$", "it ends where a value is expected"),
        BadFile("byte order mark", "§\u{FEFF}{}", .syntax, "$", "byte order mark"),
        BadFile("leading zero", Sample.consumer(#"{ "batch": §0100 }"#), .syntax, "$", "superfluous zero"),
        BadFile("lone surrogate", "{ \"service\": \"§\\ud800\" }", .syntax, "$", "other half"),
        BadFile("line break in a text", "{ \"service\": \"a§\nb\" }", .syntax, "$", "control character"),
        BadFile("NaN", Sample.consumer(#"{ "batch": §NaN }"#), .syntax, "$", "expected a value"),
        BadFile(
            "too deep", String(repeating: "[", count: 16) + "§[", .syntax, "$", "nests deeper than 16 levels"),
        BadFile("not an object", "§[]", .wrongType, "$", "expected an object, found an array"),
        BadFile("null", "§null", .wrongType, "$", "found null"),
    ]

    static let keys: [BadFile] = [
        BadFile("missing service", "§" + Sample.file(["service": ""]), .missingKey, "$.service", "add \"service\""),
        BadFile("missing nats", "§" + Sample.file(["nats": ""]), .missingKey, "$.nats", "\"servers\""),
        BadFile("missing stream", "§" + Sample.file(["stream": ""]), .missingKey, "$.stream", "\"namespace\""),
        BadFile("missing store", "§" + Sample.file(["store": ""]), .missingKey, "$.store", "\"sqlite\""),
        BadFile(
            "unknown key", Sample.opening(with: #"§"colour": 1"#), .unknownKey,
            "$.colour", "is not a setting", "expected one of $schema, service, nats, stream", "remove it"),
        BadFile(
            "behind letters of several bytes", Sample.opening(with: #""$schema": "é😀", §"colour": 1"#), .unknownKey,
            "$.colour"),
        BadFile(
            "misspelt key", Sample.opening(with: #"§"consumer": {}"#), .unknownKey,
            "$.consumer", "did you mean \"consumers\"?"),
        BadFile(
            "key in wrong case", Sample.opening(with: #"§"Log": {}"#), .unknownKey,
            "$.Log", "did you mean \"log\"?"),
        BadFile(
            "repeated key", Sample.file(["service": #""orders", §"service": "payments""#]),
            .repeatedKey, "$.service", "is there twice", "line 2"),
        BadFile(
            "repeated section", Sample.file(["log": "{}, §\"log\": {}"]), .repeatedKey, "$.log", "is there twice"),
        BadFile(
            "section of the wrong type", Sample.file(["stream": "§\"SHOP\""]), .wrongType, "$.stream",
            "expected an object, found \"SHOP\""),
        BadFile("http", Sample.file(["http": "{}"]).marked("\"http\""), .notYet, "$.http", "not there yet"),
        BadFile("$schema", Sample.file(["$schema": "§true"]), .wrongType, "$.$schema", "found true"),
    ]

    static let names: [BadFile] = [
        BadFile("service name", Sample.file(["service": "§\"Orders\""]), .invalidValue, "$.service", "[a-z]"),
        BadFile("service number", Sample.file(["service": "§42"]), .wrongType, "$.service", "found 42"),
        BadFile(
            "stream with a dot", Sample.file(["stream": #"{ "name": §"SH.OP", "namespace": "shop" }"#]), .invalidValue,
            "$.stream.name", "\"SH.OP\""),
        BadFile(
            "stream of digits", Sample.file(["stream": #"{ "name": §"123", "namespace": "shop" }"#]), .invalidValue,
            "$.stream.name", "must not be a number"),
        BadFile(
            "namespace of two tokens", Sample.file(["stream": #"{ "name": "SHOP", "namespace": §"a.b" }"#]),
            .invalidValue, "$.stream.namespace", "\"a.b\""),
        BadFile(
            "missing namespace", Sample.file(["stream": #"§{ "name": "SHOP" }"#]), .missingKey, "$.stream.namespace",
            "add \"namespace\""),
        BadFile(
            "no replicas", Sample.file(["stream": #"{ "name": "SHOP", "namespace": "shop", "replicas": §0 }"#]),
            .invalidValue, "$.stream.replicas", "from 1 to 5", "found 0"),
        BadFile(
            "six replicas", Sample.file(["stream": #"{ "name": "SHOP", "namespace": "shop", "replicas": §6 }"#]),
            .invalidValue, "$.stream.replicas", "found 6"),
        BadFile(
            "manage", Sample.file(["stream": #"{ "name": "SHOP", "namespace": "shop", "manage": §"chek" }"#]),
            .invalidValue, "$.stream.manage", "did you mean \"check\"?"),
        BadFile(
            "log level", Sample.file(["log": #"{ "level": §"warn" }"#]), .invalidValue, "$.log.level", "\"warning\""),
        BadFile(
            "log format", Sample.file(["log": #"{ "format": §"JSON" }"#]), .invalidValue, "$.log.format", "\"json\""),
    ]

    static let servers: [BadFile] = [
        BadFile("missing servers", Sample.file(["nats": "§{}"]), .missingKey, "$.nats.servers", "add \"servers\""),
        BadFile("no servers", Sample.servers("§[]"), .invalidValue, "$.nats.servers", "1 to 32 servers, found 0"),
        BadFile(
            "servers as text", Sample.servers(#"§"nats://127.0.0.1:4222""#), .wrongType, "$.nats.servers",
            "expected a list of servers, found a string"),
        BadFile("server as number", Sample.servers("[§4222]"), .wrongType, "$.nats.servers[0]", "nats://HOST:PORT"),
        BadFile(
            "server without scheme", Sample.servers(#"[§"127.0.0.1:4222"]"#), .invalidValue, "$.nats.servers[0]",
            "does not begin with nats://"),
        BadFile(
            "web socket", Sample.servers(#"["nats://a", §"ws://b:80"]"#), .invalidValue, "$.nats.servers[1]",
            "does not begin with nats://"),
        BadFile(
            "password in the URL", Sample.servers(#"[§"nats://orders:canary-4711@127.0.0.1:4222"]"#), .invalidValue,
            "$.nats.servers[0]", "contains a user or a password", "$.nats.authentication"),
        BadFile(
            "token in the URL", Sample.servers(#"[§"nats://canary-4711@127.0.0.1:4222"]"#), .invalidValue,
            "$.nats.servers[0]", "contains a user or a password"),
        BadFile("port 0", Sample.servers(#"[§"nats://a:0"]"#), .invalidValue, "$.nats.servers[0]", "1 to 65535"),
        BadFile(
            "port 65536", Sample.servers(#"[§"nats://a:65536"]"#), .invalidValue, "$.nats.servers[0]", "1 to 65535"),
        BadFile("no host", Sample.servers(#"[§"nats://:4222"]"#), .invalidValue, "$.nats.servers[0]", "a host"),
        BadFile("path in the URL", Sample.servers(#"[§"nats://a:4222/x"]"#), .invalidValue, "$.nats.servers[0]"),
        BadFile(
            "server twice", Sample.servers(#"["nats://a:4222", §"nats://a:4222"]"#), .repeatedKey, "$.nats.servers[1]",
            "each server once"),
        BadFile(
            "inbox in the namespace",
            Sample.file(["nats": #"{ "servers": ["nats://a"], "inboxPrefix": §"shop.inbox" }"#]), .contradiction,
            "$.nats.inboxPrefix", "lies in the stream's namespace"),
        BadFile(
            "API prefix with a wildcard", Sample.file(["nats": #"{ "servers": ["nats://a"], "apiPrefix": §"$JS.>" }"#]),
            .invalidValue, "$.nats.apiPrefix", "not allowed"),
        BadFile(
            "inbox with an empty token", Sample.file(["nats": #"{ "servers": ["nats://a"], "inboxPrefix": §"a." }"#]),
            .invalidValue, "$.nats.inboxPrefix", "empty token"),
    ]

    static let store: [BadFile] = [
        BadFile(
            "missing kind", Sample.file(["store": #"§{ "path": "a" }"#]), .missingKey, "$.store.kind", "\"sqlite\""),
        BadFile(
            "unknown store", Sample.file(["store": #"{ "kind": §"sqlite3", "path": "a" }"#]), .invalidValue,
            "$.store.kind", "did you mean \"sqlite\"?"),
        BadFile(
            "missing path", Sample.file(["store": #"§{ "kind": "sqlite" }"#]), .missingKey, "$.store.path",
            "orders.sqlite"),
        BadFile(
            "empty path", Sample.file(["store": #"{ "kind": "sqlite", "path": §"" }"#]), .invalidValue, "$.store.path",
            "is empty"),
        BadFile(
            "memory", Sample.file(["store": #"{ "kind": "sqlite", "path": §":memory:" }"#]), .invalidValue,
            "$.store.path", "would forget"),
        BadFile(
            "folder as database", Sample.file(["store": #"{ "kind": "sqlite", "path": §"/" }"#]), .invalidValue,
            "$.store.path", "is a folder"),
        BadFile(
            "missing folder", Sample.file(["store": #"{ "kind": "sqlite", "path": §"nowhere/a.sqlite" }"#]),
            .invalidValue, "$.store.path", "folder that does not exist"),
        BadFile(
            "url of SQLite", Sample.file(["store": #"{ "kind": "sqlite", "path": "a", §"url": "b" }"#]), .unknownKey,
            "$.store.url", "expected one of kind, path"),
    ]

    static let postgres: [BadFile] = [
        BadFile(
            "missing url", Sample.file(["store": #"§{ "kind": "postgres" }"#]), .missingKey, "$.store.url",
            "postgresql://"),
        BadFile(
            "path of PostgreSQL", Sample.postgres(#""postgresql://orders@db/orders", §"path": "a""#), .unknownKey,
            "$.store.path", "expected one of kind, url, password"),
        BadFile("other scheme", Sample.postgres(#"§"mysql://db/orders""#), .invalidValue, "$.store.url", "begin with"),
        BadFile(
            "password in the database's URL", Sample.postgres(#"§"postgresql://orders:canary@db/orders""#),
            .invalidValue,
            "$.store.url", "contains a password", "\"file\""),
        BadFile(
            "password among the settings",
            Sample.postgres(#"§"postgresql://orders@db/orders?sslmode=require&password=canary""#), .invalidValue,
            "$.store.url", "contains a password"),
        BadFile(
            "password that was not escaped", Sample.postgres(#"§"postgresql://orders:can/ary@db/orders""#),
            .invalidValue, "$.store.url", "is not a user, a host and a database"),
        BadFile(
            "space in the URL", Sample.postgres(#"§"postgresql://orders@db/my orders""#), .invalidValue, "$.store.url",
            "%XX"),
        BadFile(
            "setting without a value", Sample.postgres(#"§"postgresql://orders@db/orders?sslmode""#), .invalidValue,
            "$.store.url", "NAME=VALUE"),
        BadFile(
            "number as URL", Sample.postgres("§5"), .wrongType, "$.store.url", "postgresql://"),
        BadFile(
            "password without a file", Sample.postgres(#""postgresql://db/orders", "password": §{}"#), .missingKey,
            "$.store.password.file", "\"file\""),
        BadFile(
            "password as text", Sample.postgres(#""postgresql://db/orders", "password": §"canary""#), .wrongType,
            "$.store.password", "expected an object"),
        BadFile(
            "password in two places",
            Sample.postgres(
                #""postgresql://db/orders", "password": { "file": "password", "environment": §"PASSWORD" }"#),
            .contradiction, "$.store.password.environment", "beside a file"),
        BadFile(
            "password in a variable that is not set",
            Sample.postgres(#""postgresql://db/orders", "password": { "environment": §"TERTIB_UNSET" }"#), .unreadable,
            "$.store.password.environment", "is not set"),
        BadFile(
            "password in a variable that is empty",
            Sample.postgres(#""postgresql://db/orders", "password": { "environment": §"TERTIB_EMPTY" }"#), .unreadable,
            "$.store.password.environment", "does not hold one line"),
        BadFile(
            "password in place of a variable's name",
            Sample.postgres(#""postgresql://db/orders", "password": { "environment": §"canary-4711" }"#),
            .invalidValue, "$.store.password.environment", "is not the name"),
        BadFile(
            "database's password that does not exist",
            Sample.postgres(#""postgresql://db/orders", "password": { "file": §"nowhere" }"#), .unreadable,
            "$.store.password.file", "does not exist"),
    ]

    static let publishing: [BadFile] = [
        BadFile(
            "way", Sample.file(["publishes": #"{ "order": §"outbx" }"#]), .invalidValue, "$.publishes.order",
            "\"outbox\""),
        BadFile(
            "published type", Sample.file(["publishes": #"{ §"Order": "outbox" }"#]), .invalidValue,
            "$.publishes.Order", "is not an aggregate type"),
        BadFile(
            "type published twice", Sample.file(["publishes": #"{ "order": "outbox", §"order": "append" }"#]),
            .repeatedKey, "$.publishes.order", "is there twice"),
        BadFile(
            "in flight", Sample.file(["outbox": #"{ "inFlight": §0 }"#]), .invalidValue, "$.outbox.inFlight", "16384"),
        BadFile("no hold", Sample.file(["outbox": #"{ "hold": §"0s" }"#]), .invalidValue, "$.outbox.hold", "from 1s"),
    ]
}

extension String {
    /// This text with the mark before `part`.
    func marked(_ part: String) -> String { replacing(part, with: "§" + part, maxReplacements: 1) }
}
