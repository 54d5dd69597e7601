/// A prepared statement with its values.
struct PreparedCall {
    let name: String
    let parameters: [Parameter]
    let hasBinaryResult: Bool

    /// How many bytes of values it sends.
    var size: Int { parameters.reduce(0) { $0 + ($1.bytes?.count ?? 0) } }
}

/// One of several statements that were sent together has failed; those before it have run, those behind it have not.
struct PipelineFailure: Error {
    let index: Int
    let failure: ServerFailure
}
