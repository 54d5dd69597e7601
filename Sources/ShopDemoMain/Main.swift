import Foundation

#if CommandLine
    import ShopDemo
#endif

/// The executable `shop-demo`; without the package trait `CommandLine` it only says what it lacks.
@main
struct Main {
    static func main() async {
        #if CommandLine
            exit(await DemoTool.run())
        #else
            FileHandle.standardError.write(Data("error: built without the package trait CommandLine\n".utf8))
            exit(2)
        #endif
    }
}
