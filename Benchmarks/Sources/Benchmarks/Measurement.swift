/// How fast something was done.
struct Measurement: Encodable, Sendable {
    /// `drain` or `consume`.
    let kind: String
    /// What was done, in words.
    let name: String
    let events: Int
    let seconds: Double
    /// How fast the C libraries did the like, in events a second; `nil` for those themselves.
    var rawPerSecond: Double?

    var perSecond: Double { Double(events) / seconds }

    /// 1 is as fast as the C libraries.
    var ratio: Double? { rawPerSecond.map { perSecond / $0 } }

    private enum CodingKeys: String, CodingKey {
        case kind, name, events, seconds, perSecond, rawPerSecond, ratio
    }

    init(kind: String, name: String, events: Int, seconds: Double) {
        (self.kind, self.name, self.events, self.seconds) = (kind, name, events, seconds)
    }

    func encode(to encoder: any Encoder) throws {
        var values = encoder.container(keyedBy: CodingKeys.self)
        try values.encode(kind, forKey: .kind)
        try values.encode(name, forKey: .name)
        try values.encode(events, forKey: .events)
        try values.encode(seconds, forKey: .seconds)
        try values.encode(perSecond.rounded(), forKey: .perSecond)
        try values.encodeIfPresent(rawPerSecond?.rounded(), forKey: .rawPerSecond)
        try values.encodeIfPresent(ratio, forKey: .ratio)
    }
}
