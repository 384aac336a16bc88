package source

// SetManyPacks makes tidying begin at fewer packs than a test could make.
func SetManyPacks(t interface{ Cleanup(func()) }, n int) {
	whole, filtered := manyPacks, manyFilteredPacks
	manyPacks, manyFilteredPacks = n, n
	t.Cleanup(func() { manyPacks, manyFilteredPacks = whole, filtered })
}
