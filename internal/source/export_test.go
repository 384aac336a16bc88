package source

import "time"

// SetManyPacks makes tidying begin at fewer packs than a test could make.
func SetManyPacks(t interface{ Cleanup(func()) }, n int) {
	whole, filtered := manyPacks, manyFilteredPacks
	manyPacks, manyFilteredPacks = n, n
	t.Cleanup(func() { manyPacks, manyFilteredPacks = whole, filtered })
}

// SetAskModuleAgain changes how long a submodule that failed is left alone, until the test ends.
func SetAskModuleAgain(t interface{ Cleanup(func()) }, pause time.Duration) {
	before := askModuleAgain
	askModuleAgain = pause
	t.Cleanup(func() { askModuleAgain = before })
}
