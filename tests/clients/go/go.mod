module bartizan.test/clients/go

go 1.19

require github.com/wallarm/wallarm-go v0.13.0

require github.com/pkg/errors v0.9.1 // indirect
