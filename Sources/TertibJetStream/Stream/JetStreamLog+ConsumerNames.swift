public import TertibCore
import TertibRuntime

extension JetStreamLog {
    /// The names of the stream's durable consumers, whoever they belong to.
    /// - Throws: ``EventLogError``, `streamGone` when there is no stream.
    public func consumerNames() async throws(EventLogError) -> [String] {
        let attempted = "list the consumers of \(api.stream)"
        var names: [String] = []
        while true {
            let query: JSONValue = ["offset": .integer(Int64(names.count))]
            switch try await api.call("CONSUMER.NAMES.\(api.stream)", query, attempted) {
            case .success(let answer):
                let page = answer["consumers"].texts
                names += page
                if page.isEmpty || names.count >= answer["total"].count { return names }
            case .failure(let failure):
                throw failure.error(attempted)
            }
        }
    }
}
