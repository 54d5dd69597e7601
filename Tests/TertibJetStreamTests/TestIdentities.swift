/// Identities that exist for these tests only: an nkey, and an operator with an account and a user who has that nkey.
enum TestIdentities {
    static let nkey = "UA64CW6QEKA4L4KU2DB3KUCEPKDNMOA7TIDI6I7MWCC7X4XIQVNHOOG6"
    static let seed = "SUAIUWVCUYCWPVWGOJA2NSSNQOHJ3U6AQRFXDHWJEOIXYKQYIB44WD7SFM"
    static let operatorToken = """
        eyJ0eXAiOiJKV1QiLCJhbGciOiJlZDI1NTE5LW5rZXkifQ.eyJpYXQiOjE3MDAwMDAwMDAsImlzcyI6Ik9DVU1aVjRONzJMR1VXS\
        ENNNUREU0pKR1IzUE41VURSWURDMzRPSFVBMjMyN0pRT1lQS1dXVjZFIiwibmFtZSI6InRlc3RzIiwibmF0cyI6eyJ0eXBlIjoib\
        3BlcmF0b3IiLCJ2ZXJzaW9uIjoyLCJzeXN0ZW1fYWNjb3VudCI6IkFBNVBQRDYyWFg3NlhYWklCUUpOR1RaQ1FYUlNKSENST1UyW\
        lRLNlZDVFFHNDNJQzRGMklVT1VVIn0sInN1YiI6Ik9DVU1aVjRONzJMR1VXSENNNUREU0pKR1IzUE41VURSWURDMzRPSFVBMjMyN\
        0pRT1lQS1dXVjZFIiwianRpIjoiT0FVUElTVVVKV0Y3RldZQlRVRTdDUFNYR0ZOSVZRVlcyWFVGNk1BR1YyNTU1N1JPSExBUSJ9.\
        bP36GzlLYYCS021AUWyB7ayAZf_yw3P_iR6rxqzDMDSmUWgePCSS7ZBYgCBQTIa5hNk9Ysus8Xf61ZzJhnYgCw
        """
    static let accountToken = """
        eyJ0eXAiOiJKV1QiLCJhbGciOiJlZDI1NTE5LW5rZXkifQ.eyJpYXQiOjE3MDAwMDAwMDAsImlzcyI6Ik9DVU1aVjRONzJMR1VXS\
        ENNNUREU0pKR1IzUE41VURSWURDMzRPSFVBMjMyN0pRT1lQS1dXVjZFIiwibmFtZSI6ImFwcCIsIm5hdHMiOnsidHlwZSI6ImFjY\
        291bnQiLCJ2ZXJzaW9uIjoyLCJsaW1pdHMiOnsic3VicyI6LTEsImRhdGEiOi0xLCJwYXlsb2FkIjotMSwiaW1wb3J0cyI6LTEsI\
        mV4cG9ydHMiOi0xLCJ3aWxkY2FyZHMiOnRydWUsImNvbm4iOi0xLCJsZWFmIjotMSwibWVtX3N0b3JhZ2UiOi0xLCJkaXNrX3N0b\
        3JhZ2UiOi0xLCJzdHJlYW1zIjotMSwiY29uc3VtZXIiOi0xfSwiZGVmYXVsdF9wZXJtaXNzaW9ucyI6eyJwdWIiOnt9LCJzdWIiO\
        nt9fX0sInN1YiI6IkFDQVlIUUdSSk9TQkJLRElYWlRUNkozMlQzSzdRVlFITzdSQ1k0NEdNMzZLNUVHQkM2VUdCNjc0IiwianRpI\
        joiTlJMTlU0WVpaWFhKNEkzQlkzNko0VUNWNUI0S1JFVVNLUFVCU0EzTlVMSUw2UFBVWlQ2QSJ9._YG_LmIsFIYGfzrIHjq5wvtv\
        jU63v7_o4q8_7LaDLCFjR4xJYYuYho43CxIR48TkwjuW-g3VdAIbbpErd558DQ
        """
    static let systemToken = """
        eyJ0eXAiOiJKV1QiLCJhbGciOiJlZDI1NTE5LW5rZXkifQ.eyJpYXQiOjE3MDAwMDAwMDAsImlzcyI6Ik9DVU1aVjRONzJMR1VXS\
        ENNNUREU0pKR1IzUE41VURSWURDMzRPSFVBMjMyN0pRT1lQS1dXVjZFIiwibmFtZSI6InN5cyIsIm5hdHMiOnsidHlwZSI6ImFjY\
        291bnQiLCJ2ZXJzaW9uIjoyLCJsaW1pdHMiOnsic3VicyI6LTEsImRhdGEiOi0xLCJwYXlsb2FkIjotMSwiaW1wb3J0cyI6LTEsI\
        mV4cG9ydHMiOi0xLCJ3aWxkY2FyZHMiOnRydWUsImNvbm4iOi0xLCJsZWFmIjotMX0sImRlZmF1bHRfcGVybWlzc2lvbnMiOnsic\
        HViIjp7fSwic3ViIjp7fX19LCJzdWIiOiJBQTVQUEQ2MlhYNzZYWFpJQlFKTkdUWkNRWFJTSkhDUk9VMlpUSzZWQ1RRRzQzSUM0R\
        jJJVU9VVSIsImp0aSI6IlpZVExCMjVEUTJBNFBSSlY1RlAyWkRMR1JESDRBREtNN0hOU09DTEhMQkpTTDNOS1BYU0EifQ.B1FUVj\
        DKwXGArowgpbEey5yedGQ1GJnYbNxpTi61VdaP6B-SxFHDy3PxU17t0QbUtNb5uz3be51utx86wScICw
        """
    static let userToken = """
        eyJ0eXAiOiJKV1QiLCJhbGciOiJlZDI1NTE5LW5rZXkifQ.eyJpYXQiOjE3MDAwMDAwMDAsImlzcyI6IkFDQVlIUUdSSk9TQkJLR\
        ElYWlRUNkozMlQzSzdRVlFITzdSQ1k0NEdNMzZLNUVHQkM2VUdCNjc0IiwibmFtZSI6InVzZXIiLCJuYXRzIjp7InR5cGUiOiJ1c\
        2VyIiwidmVyc2lvbiI6Miwic3VicyI6LTEsImRhdGEiOi0xLCJwYXlsb2FkIjotMSwicHViIjp7fSwic3ViIjp7fX0sInN1YiI6I\
        lVBNjRDVzZRRUtBNEw0S1UyREIzS1VDRVBLRE5NT0E3VElESTZJN01XQ0M3WDRYSVFWTkhPT0c2IiwianRpIjoiVE9TMzRYUEpUN\
        kZYSlNFQVlNM0FGWjNSQVFQRkFDQlVLRFFGVEo1Wks0QUpOTlo1UEhFUSJ9.2PBRCl3nFM5nVcSEyrxD-Jfe9DTzKWRQLIEoKTg_\
        Wgthvz8vo3YEtj7d6Nk4BTsbCrbAn83xgL9X5PNteoBbAw
        """
    private static let accountKey = "ACAYHQGRJOSBBKDIXZTT6J32T3K7QVQHO7RCY44GM36K5EGBC6UGB674"
    private static let systemKey = "AA5PPD62XX76XXZIBQJNGTZCQXRSJHCROU2ZTK6VCTQG43IC4F2IUOUU"

    /// What `nsc` writes for a user.
    static let credentials = """
        -----BEGIN NATS USER JWT-----
        \(userToken)
        ------END NATS USER JWT------

        -----BEGIN USER NKEY SEED-----
        \(seed)
        ------END USER NKEY SEED------

        """

    /// A server that knows the operator and both accounts.
    static let serverConfiguration = """
        operator: "\(operatorToken)"
        system_account: "\(systemKey)"
        resolver: MEMORY
        resolver_preload: {
          \(accountKey): "\(accountToken)"
          \(systemKey): "\(systemToken)"
        }
        """
}
