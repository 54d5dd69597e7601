import Foundation

#if CommandLine
    import TertibCLI
#endif

/// The executable `tertib`; without the package trait `CommandLine` it only says what it lacks.
@main
struct Main {
    static func main() async {
        #if CommandLine
            exit(await TertibTool.run())
        #else
            let message = """
                error: this tertib was built without its command line
                  why: the package trait CommandLine is off
                 next: Build it with the default traits, or with --traits CommandLine.

                """
            FileHandle.standardError.write(Data(message.utf8))
            exit(2)
        #endif
    }
}
