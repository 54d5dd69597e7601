// The one module that a service imports: identities, wire and decisions, the bus itself, and the JSON configuration
// that opens it.

@_exported public import TertibConfiguration
@_exported public import TertibCore
@_exported public import TertibRuntime
