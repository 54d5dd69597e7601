/// The picture of a run of the chaos: the lag above, the faults below, on one axis of time.
struct TimelinePicture {
    let timeline: ChaosTimeline

    private static let left = 190.0
    private static let width = 1100.0
    private static let plotWidth = 850.0
    private static let lagHeight = 150.0
    private static let laneHeight = 22.0
    private static let top = 56.0

    /// The document.
    var document: String {
        let kinds = lanes
        let lanesTop = Self.top + Self.lagHeight + 34
        let height = lanesTop + Double(kinds.count) * Self.laneHeight + 46
        var svg = SVG(width: Self.width, height: height, title: "Lag and faults over time")
        svg.rectangle((0, 0), width: Self.width, height: height, style: "ground")
        svg.text("Lag, replicas and faults over time", at: (20, 28), style: "title")
        drawLegend(in: &svg)
        drawTime(in: &svg, from: Self.top, to: height - 40)
        drawLag(in: &svg)
        for (index, kind) in kinds.enumerated() {
            draw(kind, at: lanesTop + Double(index) * Self.laneHeight, in: &svg)
        }
        return svg.document(style: PictureStyle.common + "\n" + Self.style)
    }

    /// What the two colours of marks say.
    private func drawLegend(in svg: inout SVG) {
        let right = Self.left + Self.plotWidth
        for (place, style, name) in [(right - 200, "own", "one replica"), (right - 90, "shared", "all of them")] {
            svg.rectangle((place, 18), width: 12, height: 12, radius: 2, style: "mark \(style)")
            svg.text(name, at: (place + 18, 28), style: "small")
        }
    }

    private var lanes: [String] { Array(Set(timeline.marks.map(\.kind))).sorted() }

    private var end: Double {
        max(1, timeline.samples.last?.at ?? 0, timeline.marks.map(\.to).max() ?? 0, timeline.restAt ?? 0)
    }

    private func x(_ seconds: Double) -> Double { Self.left + Self.plotWidth * min(1, max(0, seconds / end)) }

    private func drawTime(in svg: inout SVG, from top: Double, to bottom: Double) {
        for tick in Ticks.upTo(end) {
            svg.line((x(tick), top), (x(tick), bottom), style: "grid")
            svg.text("\(SVG.number(tick)) s", at: (x(tick), bottom + 16), anchor: .middle, style: "small")
        }
        for (seconds, name) in [(timeline.calmAt, "faults end"), (timeline.restAt, "at rest")] {
            guard let seconds else { continue }
            svg.line((x(seconds), top - 8), (x(seconds), bottom), style: "moment")
            let isFirst = name == "faults end"
            svg.text(
                name, at: (x(seconds) + (isFirst ? -4 : 4), top - 12), anchor: isFirst ? .end : .start, style: "small")
        }
    }

    private func drawLag(in svg: inout SVG) {
        let most = Double(timeline.samples.compactMap(\.lag).max() ?? 0)
        let (top, bottom) = (Self.top, Self.top + Self.lagHeight)
        func y(_ lag: Double) -> Double { bottom - Self.lagHeight * (most > 0 ? lag / most : 0) }
        for tick in Ticks.upTo(most) {
            svg.line((Self.left, y(tick)), (Self.left + Self.plotWidth, y(tick)), style: tick == 0 ? "axis" : "grid")
            svg.text("\(Int(tick))", at: (Self.left - 8, y(tick) + 4), anchor: .end, style: "small")
        }
        svg.text("events behind", at: (74, (top + bottom) / 2), anchor: .middle, style: "label", turned: true)
        let known = timeline.samples.compactMap { sample in sample.lag.map { (x(sample.at), y(Double($0))) } }
        if let first = known.first, let last = known.last {
            svg.polygon([(first.0, bottom)] + known.map { ($0.0, $0.1) } + [(last.0, bottom)], style: "area")
            svg.polyline(known.map { ($0.0, $0.1) }, style: "lag")
        }
        let replicas = timeline.samples.map { sample -> SVG.Point in
            (x(sample.at), bottom - Self.lagHeight * Double(sample.replicas) / Double(ChaosOptions.mostReplicas))
        }
        svg.polyline(Self.steps(replicas), style: "replicas")
        let right = Self.left + Self.plotWidth + 8
        for count in [0, ChaosOptions.mostReplicas / 2, ChaosOptions.mostReplicas] {
            let place = bottom - Self.lagHeight * Double(count) / Double(ChaosOptions.mostReplicas)
            svg.text("\(count)", at: (right, place + 4), style: "small replica")
        }
        svg.text(
            "replicas", at: (Self.width - 12, (top + bottom) / 2), anchor: .middle, style: "label replica", turned: true
        )
    }

    /// A line that keeps its height until the next point.
    private static func steps(_ points: [SVG.Point]) -> [SVG.Point] {
        zip(points, points.dropFirst()).flatMap { [$0, ($1.x, $0.y)] } + points.suffix(1)
    }

    private func draw(_ kind: String, at top: Double, in svg: inout SVG) {
        let marks = timeline.marks.filter { $0.kind == kind }
        svg.text(kind, at: (Self.left - 8, top + 15), anchor: .end, style: "label")
        svg.line(
            (Self.left, top + Self.laneHeight - 1), (Self.left + Self.plotWidth, top + Self.laneHeight - 1),
            style: "grid")
        // What meets all replicas at once has a colour of its own.
        let isShared = ["broker", "database", "full disk", "few"].contains(where: kind.hasPrefix)
        let style = isShared ? "mark shared" : "mark own"
        for mark in marks {
            let who = mark.replica.map { "replica \($0)" } ?? "all"
            svg.rectangle(
                (x(mark.from), top + 4), width: max(3, x(mark.to) - x(mark.from)), height: Self.laneHeight - 9,
                radius: 2,
                style: style, hint: "\(kind), \(who), \(SVG.number(mark.from)) s to \(SVG.number(mark.to)) s")
        }
    }

    private static let style = """
        .area { fill: var(--c); opacity: 0.15; } .lag { fill: none; stroke: var(--c); stroke-width: 1.5; }
        .replicas { fill: none; stroke: var(--d); stroke-width: 1.5; stroke-dasharray: 5 3; }
        .replica { fill: var(--d); } .moment { stroke: var(--ink); stroke-width: 1; stroke-dasharray: 3 3; }
        .mark { opacity: 0.75; } .own { fill: var(--b); } .shared { fill: var(--a); }
        """
}
