import Testing
import TertibCore

@Suite("The size of a batch follows the measured rate")
struct BatchSizerTests {
    @Test("Fast handlers get the whole batch, slow ones as many as fit the target")
    func follows() {
        var sizer = BatchSizer(most: 1024, target: .seconds(1))
        #expect(sizer.limit == 128)
        for _ in 0..<20 { sizer.record(sizer.limit, in: .milliseconds(10)) }
        #expect(sizer.limit == 1024)
        sizer.record(1024, in: .seconds(100))
        #expect(sizer.limit == 10)
        sizer.record(1, in: .seconds(50))
        #expect(sizer.limit == 1)
    }

    @Test("A faster transaction counts by half, a slower one in full")
    func halfAndWhole() {
        var sizer = BatchSizer(most: 1000, target: .seconds(3))
        sizer.record(8, in: .seconds(1))
        #expect(sizer.limit == 24)
        sizer.record(8, in: .milliseconds(500))
        #expect(sizer.limit == 32)
        sizer.record(8, in: .seconds(2))
        #expect(sizer.limit == 12)
    }

    @Test("Parts of a second count, in the target as in what is measured")
    func fractions() {
        var sizer = BatchSizer(most: 1000, target: .milliseconds(1_500))
        sizer.record(2, in: .milliseconds(2_500))
        #expect(sizer.limit == 1)
        sizer = BatchSizer(most: 1000, target: .milliseconds(1_500))
        sizer.record(10, in: .seconds(1))
        #expect(sizer.limit == 15)
    }

    @Test("What took no time, or delivered nothing, teaches nothing; one at a time is the least")
    func edges() {
        var sizer = BatchSizer(most: 0, target: .seconds(1))
        #expect(sizer.most == 1)
        #expect(sizer.limit == 1)
        sizer = BatchSizer(most: 1000, target: .seconds(1))
        sizer.record(0, in: .seconds(9))
        sizer.record(9, in: .zero)
        #expect(sizer.limit == 128)
        sizer.record(1, in: .seconds(2))
        #expect(sizer.limit == 1)
    }
}

@Suite("The size of a batch after a transaction was lost to another replica")
struct BatchSizerCeilingTests {
    @Test(
        "The limit of a transaction halves with each loss down to one, and rises slowly with each commit until it is forgotten"
    )
    func halves() {
        var sizer = BatchSizer(most: 64, target: .seconds(1))
        #expect(sizer.ceiling == nil)
        var sizes: [Int] = []
        for lost in [40, 20, 10, 5, 2, 1] {
            sizer.lost(lost)
            sizes.append(sizer.ceiling ?? 0)
        }
        #expect(sizes == [20, 10, 5, 2, 1, 1])
        var commits = 0
        while let ceiling = sizer.ceiling, commits < 100 {
            sizer.record(ceiling, in: .milliseconds(1))
            commits += 1
            if let next = sizer.ceiling { #expect(next > ceiling && next <= ceiling + max(1, ceiling / 8)) }
        }
        #expect(sizer.ceiling == nil)
        #expect(commits > 20)
    }
}
