package diff

import "testing"

// BenchmarkOwned is what every watch event costs.
func BenchmarkOwned(b *testing.B) {
	_, entries := sample(b, "untouched")
	b.ReportAllocs()
	for b.Loop() {
		_ = Owned(entries, ours) + AddedDigest(entries, ours)
	}
}

// BenchmarkAddedDigest is what it costs while a person's tool owns fields.
func BenchmarkAddedDigest(b *testing.B) {
	_, entries := sample(b, "patched-additions")
	b.ReportAllocs()
	for b.Loop() {
		_ = AddedDigest(entries, ours)
	}
}
