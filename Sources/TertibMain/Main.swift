#if CommandLine
    import TertibCLI
#endif

@main
struct Main {
    static func main() {}
}
