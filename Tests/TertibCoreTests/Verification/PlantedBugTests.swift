import Testing
import TertibCore

@Suite("Planted bugs")
struct PlantedBugTests {
    @Test("a build that did not ask for them has none")
    func ordinaryBuildHasNone() {
        #if !TERTIB_PLANTED_BUGS
            #expect(!PlantedBug.arePossible)
        #endif
        #expect(PlantedBug.allCases.filter(\.isActive) == [])
    }

    @Test("a planted bug is alone, and can be taken out again")
    func onlyOneIsInForce() {
        guard PlantedBug.arePossible else { return }
        defer { PlantedBug.plant(nil) }
        for bug in PlantedBug.allCases {
            PlantedBug.plant(bug)
            #expect(PlantedBug.allCases.filter(\.isActive) == [bug])
        }
    }
}
