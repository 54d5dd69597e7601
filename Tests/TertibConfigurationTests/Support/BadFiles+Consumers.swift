import TertibConfiguration

/// Mistakes in the security settings and in consumers.
extension BadFiles {
    static let security: [BadFile] = [
        BadFile(
            "missing kind of authentication", Sample.authentication("§{}"), .missingKey, "$.nats.authentication.kind",
            "\"credentials\""),
        BadFile(
            "kind of authentication", Sample.authentication(#"{ "kind": §"creds", "file": "a.creds" }"#), .invalidValue,
            "$.nats.authentication.kind", "did you mean \"credentials\"?"),
        BadFile(
            "missing credentials", Sample.authentication(#"§{ "kind": "credentials" }"#), .missingKey,
            "$.nats.authentication.file", "orders.creds"),
        BadFile(
            "credentials that do not exist", Sample.authentication(#"{ "kind": "credentials", "file": §"b.creds" }"#),
            .unreadable, "$.nats.authentication.file", "does not exist"),
        BadFile(
            "setting of another kind",
            Sample.authentication(#"{ "kind": "credentials", "file": "a.creds", §"user": "a" }"#), .contradiction,
            "$.nats.authentication.user", "does not belong to the kind \"credentials\""),
        BadFile(
            "literal password",
            Sample.authentication(
                #"{ "kind": "password", "user": "a", "passwordFile": "password", §"password": "canary-4711" }"#),
            .unknownKey, "$.nats.authentication.password", "did you mean \"passwordFile\"?"),
        BadFile(
            "password in place of its file",
            Sample.authentication(
                #"{ "kind": "password", "user": "a", "passwordFile": §"canary-4711" }"#), .unreadable,
            "$.nats.authentication.passwordFile", "does not exist"),
        BadFile(
            "empty user", Sample.authentication(#"{ "kind": "password", "user": §"", "passwordFile": "password" }"#),
            .invalidValue, "$.nats.authentication.user", "is empty"),
        BadFile(
            "seed in place of the public key",
            Sample.authentication(
                #"{ "kind": "nkey", "publicKey": §"SUACANARY-4711", "seedFile": "a.nk" }"#), .invalidValue,
            "$.nats.authentication.publicKey", "looks like a seed"),
        BadFile(
            "public key", Sample.authentication(#"{ "kind": "nkey", "publicKey": §"U123", "seedFile": "a.nk" }"#),
            .invalidValue, "$.nats.authentication.publicKey", "is not a user's public nkey"),
        BadFile(
            "folder as token", Sample.authentication(#"{ "kind": "token", "tokenFile": §"/" }"#), .unreadable,
            "$.nats.authentication.tokenFile", "is a folder"),
        BadFile(
            "certificate without key", Sample.tls(#"{ "certificateFile": §"a.pem" }"#), .contradiction,
            "$.nats.tls.certificateFile", "stands alone"),
        BadFile(
            "TLS not required, with files", Sample.tls(#"{ "required": §false, "caFile": "ca.pem" }"#), .contradiction,
            "$.nats.tls.required", "contradicts the files"),
        BadFile(
            "TLS not required, with tls://", Sample.tls(#"{ "required": §false }"#, server: "tls://a:4222"),
            .contradiction, "$.nats.tls.required", "contradicts $.nats.servers"),
        BadFile(
            "missing authorities", Sample.tls(#"{ "caFile": §"no.pem" }"#), .unreadable, "$.nats.tls.caFile", "no.pem"),
        BadFile(
            "TLS as text", Sample.tls(#"{ "required": §"true" }"#), .wrongType, "$.nats.tls.required", "true or false"),
    ]

    static let consumers: [BadFile] = [
        BadFile(
            "consumer's name", Sample.file(["consumers": #"{ §"Orders": {} }"#]), .invalidValue, "$.consumers.Orders",
            "is not a consumer's name"),
        BadFile(
            "consumer twice", Sample.file(["consumers": #"{ "a": {}, §"a": {} }"#]), .repeatedKey, "$.consumers.a",
            "is there twice"),
        BadFile(
            "misspelt limit", Sample.consumer(#"{ §"bacth": 10 }"#), .unknownKey, "$.consumers.orders.bacth",
            "did you mean \"batch\"?"),
        BadFile(
            "abbreviated key", Sample.consumer(#"{ §"ackWait": "30s" }"#), .unknownKey, "$.consumers.orders.ackWait",
            "did you mean \"acknowledgementWait\"?"),
        BadFile(
            "empty batch", Sample.consumer(#"{ "batch": §0 }"#), .invalidValue, "$.consumers.orders.batch", "found 0"),
        BadFile(
            "negative batch", Sample.consumer(#"{ "batch": §-1 }"#), .invalidValue, "$.consumers.orders.batch",
            "found -1"),
        BadFile(
            "huge batch", Sample.consumer(#"{ "batch": §99999999999999999999 }"#), .invalidValue,
            "$.consumers.orders.batch", "out of range", "default 1024"),
        BadFile(
            "half a batch", Sample.consumer(#"{ "batch": §1.5 }"#), .invalidValue, "$.consumers.orders.batch",
            "whole number"),
        BadFile(
            "batch as text", Sample.consumer(#"{ "batch": §"1024" }"#), .wrongType, "$.consumers.orders.batch",
            "without quotes"),
        BadFile(
            "batch null", Sample.consumer(#"{ "batch": §null }"#), .wrongType, "$.consumers.orders.batch", "found null"),
        BadFile(
            "duration without unit", Sample.consumer(#"{ "acknowledgementWait": §"30" }"#), .invalidValue,
            "$.consumers.orders.acknowledgementWait", "has no unit", "\"30s\""),
        BadFile(
            "duration as number", Sample.consumer(#"{ "acknowledgementWait": §30 }"#), .wrongType,
            "$.consumers.orders.acknowledgementWait", "has no unit", "\"30s\""),
        BadFile(
            "unknown unit", Sample.consumer(#"{ "acknowledgementWait": §"30 sec" }"#), .invalidValue,
            "$.consumers.orders.acknowledgementWait", "is not a duration"),
        BadFile(
            "negative duration", Sample.consumer(#"{ "gap": { "hold": §"-5ms" } }"#), .invalidValue,
            "$.consumers.orders.gap.hold", "is not a duration"),
        BadFile(
            "endless duration", Sample.consumer(#"{ "gap": { "limit": §"999999999999999h" } }"#), .invalidValue,
            "$.consumers.orders.gap.limit", "is not a duration"),
        BadFile(
            "too short a wait", Sample.consumer(#"{ "acknowledgementWait": §"0s" }"#), .invalidValue,
            "$.consumers.orders.acknowledgementWait", "from 200ms"),
        BadFile(
            "hold beyond half the wait",
            Sample.consumer(#"{ "acknowledgementWait": "1s", "gap": { "hold": §"501ms" } }"#),
            .contradiction, "$.consumers.orders.gap.hold", "more than half of acknowledgementWait", "500ms"),
        BadFile(
            "limit below hold", Sample.consumer(#"{ "gap": { "hold": "2s", "limit": §"1s" } }"#), .contradiction,
            "$.consumers.orders.gap.limit", "not longer than the hold"),
        BadFile(
            "delays in disorder", Sample.consumer(#"{ "retry": { "initialDelay": "2m", "maxDelay": §"1m" } }"#),
            .contradiction, "$.consumers.orders.retry.maxDelay", "shorter than initialDelay"),
        BadFile(
            "first delay beyond the default of the last", Sample.consumer(#"{ "retry": { "initialDelay": §"2m" } }"#),
            .contradiction, "$.consumers.orders.retry.initialDelay", "shorter than initialDelay"),
        BadFile(
            "parked limits in disorder", Sample.consumer(#"{ "parked": { "maxTotal": §10 } }"#), .contradiction,
            "$.consumers.orders.parked.maxTotal", "less than maxPerAggregate"),
        BadFile(
            "pending below a batch", Sample.consumer(#"{ "maxAckPending": §100 }"#), .contradiction,
            "$.consumers.orders.maxAckPending", "less than one batch"),
        BadFile(
            "no aggregates", Sample.consumer(#"{ "aggregates": §{} }"#), .invalidValue,
            "$.consumers.orders.aggregates", "ignore every event"),
        BadFile(
            "aggregates as list", Sample.consumer(#"{ "aggregates": §["product"] }"#), .wrongType,
            "$.consumers.orders.aggregates", "expected an object, found an array"),
        BadFile(
            "aggregate type", Sample.consumer(#"{ "aggregates": { §"Product": {} } }"#), .invalidValue,
            "$.consumers.orders.aggregates.Product", "is not an aggregate type"),
        BadFile(
            "ordering to come", Sample.consumer(#"{ "aggregates": { "product": { "ordering": §"latestWins" } } }"#),
            .notYet, "$.consumers.orders.aggregates.product.ordering", "does not have yet"),
        BadFile(
            "unknown ordering", Sample.consumer(#"{ "aggregates": { "product": { "ordering": §"strickt" } } }"#),
            .invalidValue, "$.consumers.orders.aggregates.product.ordering", "did you mean \"strict\"?"),
        BadFile(
            "baseline to come", Sample.consumer(#"{ "baseline": §"firstRetained" }"#), .notYet,
            "$.consumers.orders.baseline", "does not have yet"),
        BadFile(
            "policy to come", Sample.consumer(#"{ "gap": { "onTrimmed": §"deadLetter" } }"#), .notYet,
            "$.consumers.orders.gap.onTrimmed", "use \"alarm\""),
        BadFile(
            "watchdog to come", Sample.consumer(#"{ "handlerLimit": §"5s" }"#), .notYet,
            "$.consumers.orders.handlerLimit", "cannot be changed yet", "default \"10s\""),
        BadFile(
            "crash breaker to come", Sample.consumer(#"{ "retry": { "maxCrashes": §4 } }"#), .notYet,
            "$.consumers.orders.retry.maxCrashes", "cannot be changed yet"),
        BadFile(
            "no attempts", Sample.consumer(#"{ "retry": { "maxAttempts": §0 } }"#), .invalidValue,
            "$.consumers.orders.retry.maxAttempts", "from 1 to 1000"),
    ]
}
