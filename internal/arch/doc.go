// Package arch holds no code: its tests read the source of the whole tree and fail when the architecture is not what
// ARCHITECTURE.md says it is.
//
// The layers, the borders and the walls are read from the tables of that page, so that the page and the rule cannot
// disagree. Beside them the tests keep the budgets of CONTRIBUTING.md (length of functions, parameters, package
// documentation, names) and the references of the docs: every reason, every field, every verb is described, every link
// leads somewhere.
//
// The package never runs the code it reads, never type-checks it, and needs nothing but the tree.
//
// Start at tree_test.go for what is read, and at TestLayers for what is asked of it.
package arch
