module trial-ledger.example/second-verifier

go 1.19
