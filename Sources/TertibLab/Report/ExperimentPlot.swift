/// The picture of the experiment: wrong rows against replicas, one line a mode, a panel a profile.
struct ExperimentPlot {
    let report: ExperimentReport

    private static let panel = (width: 235.0, height: 190.0)
    private static let margin = (left: 58.0, top: 74.0, right: 20.0, bottom: 20.0)
    private static let gap = (x: 30.0, y: 66.0)
    private static let columns = 4

    /// The document.
    var document: String {
        let profiles = report.profiles
        let columns = max(1, min(Self.columns, profiles.count + 1))
        let rows = (profiles.count + columns) / columns
        let width = Self.margin.left + Self.margin.right + Double(columns) * (Self.panel.width + Self.gap.x)
        let height = Self.margin.top + Self.margin.bottom + Double(rows) * (Self.panel.height + Self.gap.y)
        var svg = SVG(
            width: width, height: height, title: "Rows that differ from the owner's, by number of replicas")
        svg.rectangle((0, 0), width: width, height: height, style: "ground")
        svg.text("Rows that differ from the owner's, at rest", at: (20, 30), style: "title")
        let subtitle = "\(report.events) events in each cell, seed \(report.seed); measured on real processes"
        svg.text(subtitle, at: (20, 50), style: "label")
        for (index, profile) in profiles.enumerated() {
            draw(profile, at: Self.origin(index, columns), in: &svg)
        }
        drawLegend(at: Self.origin(profiles.count, columns), in: &svg)
        return svg.document(style: PictureStyle.common + "\n" + Self.style)
    }

    private static func origin(_ index: Int, _ columns: Int) -> SVG.Point {
        (
            margin.left + Double(index % columns) * (panel.width + gap.x),
            margin.top + Double(index / columns) * (panel.height + gap.y)
        )
    }

    private func draw(_ profile: FaultProfile, at origin: SVG.Point, in svg: inout SVG) {
        let plot = (top: origin.y + 22, height: Self.panel.height - 40, width: Self.panel.width - 20)
        svg.text(profile.name, at: (origin.x, origin.y + 8), style: "head")
        for percent in stride(from: 0, through: 100, by: 25) {
            let y = plot.top + plot.height * (1 - Double(percent) / 100)
            svg.line((origin.x, y), (origin.x + plot.width, y), style: percent == 0 ? "axis" : "grid")
            svg.text("\(percent) %", at: (origin.x - 7, y + 4), anchor: .end, style: "small")
        }
        let replicas = Array(Set(report.cells.map(\.replicas))).sorted()
        func x(_ count: Int) -> Double {
            let place = Double(replicas.firstIndex(of: count) ?? 0)
            return origin.x + plot.width * (place + 0.5) / Double(max(1, replicas.count))
        }
        for count in replicas {
            svg.text("\(count)", at: (x(count), plot.top + plot.height + 17), anchor: .middle, style: "small")
        }
        svg.text(
            "replicas", at: (origin.x + plot.width / 2, plot.top + plot.height + 33), anchor: .middle, style: "label")
        for mode in ExperimentMode.allCases {
            let points: [SVG.Point] = report.row(mode, profile).map { cell in
                let share = Double(cell.inconsistentRows) / Double(max(1, cell.rows))
                return (x(cell.replicas), plot.top + plot.height * (1 - share))
            }
            svg.polyline(points, style: "line \(mode.rawValue)")
            for point in points { Self.mark(mode, at: point, in: &svg) }
        }
    }

    private func drawLegend(at origin: SVG.Point, in svg: inout SVG) {
        svg.text("How the copy is kept", at: (origin.x, origin.y + 8), style: "head")
        for (index, mode) in ExperimentMode.allCases.enumerated() {
            let y = origin.y + 40 + Double(index) * 30
            svg.polyline([(origin.x, y), (origin.x + 44, y)], style: "line \(mode.rawValue)")
            Self.mark(mode, at: (origin.x + 22, y), in: &svg)
            svg.text(mode.name, at: (origin.x + 56, y + 4), style: "label")
        }
    }

    /// Modes differ in shape too, for those who do not tell the colours apart.
    private static func mark(_ mode: ExperimentMode, at point: SVG.Point, in svg: inout SVG) {
        let style = "mark \(mode.rawValue)"
        switch mode {
        case .lastWriteWins: svg.circle(point, radius: 4.5, style: style)
        case .versionCheck: svg.rectangle((point.x - 4, point.y - 4), width: 8, height: 8, style: style)
        case .tertib:
            svg.polygon(
                [(point.x, point.y - 6), (point.x + 6, point.y + 4.5), (point.x - 6, point.y + 4.5)], style: style)
        }
    }

    private static let style = """
        .line { fill: none; stroke-width: 2; }
        .mark { stroke: var(--ground); stroke-width: 1; }
        .line.last-write-wins { stroke: var(--a); stroke-dasharray: 7 4; } .mark.last-write-wins { fill: var(--a); }
        .line.version-check { stroke: var(--b); stroke-dasharray: 2 3; } .mark.version-check { fill: var(--b); }
        .line.tertib { stroke: var(--c); } .mark.tertib { fill: var(--c); }
        """
}
