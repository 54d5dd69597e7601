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
}
