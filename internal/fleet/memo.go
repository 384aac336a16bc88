package fleet

type memo struct{}
