// The one module that a service imports: identities, wire and decisions, the bus itself, and the JSON configuration
// that opens it; with the package trait SQLite also `HandlerTransaction.withDatabase(_:)`.

@_exported public import TertibConfiguration
@_exported public import TertibCore
@_exported public import TertibRuntime
#if SQLite
    @_exported public import TertibSQLite
#endif
