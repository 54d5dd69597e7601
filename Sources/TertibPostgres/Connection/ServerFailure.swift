import CPostgres

/// What the server or the way to it answered instead of a result.
struct ServerFailure: Error {
    /// The five characters that classify a failure (PostgreSQL manual, appendix A); `nil` when the server said nothing.
    let state: String?
    /// The server's primary message, which names no values but those that ``maskingValues(_:)`` takes out; or libpq's.
    let message: String
    /// Where in the server it arose.
    let function: String?
    /// The schema of the table that it is about, where it is about one.
    let schema: String?
    /// Whether the connection ended with it.
    let isConnectionLost: Bool

    /// The connection could not be made, or has ended.
    init(connection message: String) {
        state = nil
        self.message = Self.line(message)
        function = nil
        schema = nil
        isConnectionLost = true
    }

    /// The server has reported an error.
    init(_ result: OpaquePointer, isConnectionLost: Bool) {
        state = Self.field(.state, of: result)
        let primary = Self.field(.primaryMessage, of: result)
        let text = Self.line(primary ?? PQresultErrorMessage(result).map { String(cString: $0) } ?? "no message")
        message = state?.hasPrefix("22") == true ? Self.maskingValues(text) : text
        function = Self.field(.sourceFunction, of: result)
        schema = Self.field(.schemaName, of: result)
        let severity = Self.field(.severity, of: result)
        // After these two severities the server closes the connection, whether or not that has been seen yet.
        self.isConnectionLost = isConnectionLost || severity == "FATAL" || severity == "PANIC"
    }

    /// libpq's `PG_DIAG_...`, which are character constants, and those Swift does not import.
    private enum Field: UInt8 {
        case state = 0x43  // SQLSTATE, "C"
        case primaryMessage = 0x4D  // MESSAGE_PRIMARY, "M"
        case sourceFunction = 0x52  // SOURCE_FUNCTION, "R"
        case severity = 0x56  // SEVERITY_NONLOCALIZED, "V"
        case schemaName = 0x73  // SCHEMA_NAME, "s"
    }

    private static func field(_ field: Field, of result: OpaquePointer) -> String? {
        PQresultErrorField(result, Int32(field.rawValue)).map { String(cString: $0) }
    }

    /// Messages about data (class 22) quote the value that they are about; values are no business of a log's.
    static func maskingValues(_ text: String) -> String {
        var masked = ""
        var isInside = false
        for character in text {
            if character == "\"" {
                masked += isInside ? "" : "\"...\""
                isInside.toggle()
            } else if !isInside {
                masked.append(character)
            }
        }
        return masked
    }

    private static func line(_ text: String) -> String {
        text.split(whereSeparator: \.isNewline).joined(separator: " ")
    }
}
