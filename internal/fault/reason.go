package fault

// Reason is a word of the closed list of docs/reference/resources.md §8.
type Reason string

// The reasons, by the package that gives them.
const (
	// source
	FetchFailed        Reason = "FetchFailed"
	RevisionNotFound   Reason = "RevisionNotFound"
	CredentialsRefused Reason = "CredentialsRefused"
	SourceStale        Reason = "SourceStale"
	UnsafeURL          Reason = "UnsafeURL"
	Unsupported        Reason = "Unsupported" // a thing of the contract that is not built yet: refused, never ignored

	// discovery (package fleet)
	PathNotFound   Reason = "PathNotFound"
	Ambiguous      Reason = "Ambiguous"
	DuplicateApp   Reason = "DuplicateApp"
	NameInvalid    Reason = "NameInvalid"
	NoCluster      Reason = "NoCluster"
	ClusterUnknown Reason = "ClusterUnknown"

	// render
	RenderFailed    Reason = "RenderFailed"
	RenderTimeout   Reason = "RenderTimeout"
	RenderLimit     Reason = "RenderLimit"
	PathEscape      Reason = "PathEscape"
	RemoteRefused   Reason = "RemoteRefused"
	DuplicateObject Reason = "DuplicateObject"
	InvalidObject   Reason = "InvalidObject"
	InvalidSettings Reason = "InvalidSettings"

	// plan
	DependencyCycle Reason = "DependencyCycle"
	WaitingForApp   Reason = "WaitingForApp"
	DeletionHeld    Reason = "DeletionHeld"
	OwnedByOther    Reason = "OwnedByOther"
	ImmutableField  Reason = "ImmutableField"
	KindUnknown     Reason = "KindUnknown"
	NeedsSync       Reason = "NeedsSync"
	PolicyDenied    Reason = "PolicyDenied"

	// apply
	Forbidden             Reason = "Forbidden"
	ServiceAccountMissing Reason = "ServiceAccountMissing"
	Rejected              Reason = "Rejected"
	ApplyFailed           Reason = "ApplyFailed"
	HookFailed            Reason = "HookFailed"
	Superseded            Reason = "Superseded"

	// observe
	HealthDegraded Reason = "HealthDegraded"
	HealthTimeout  Reason = "HealthTimeout"
	Drifted        Reason = "Drifted"
	Fight          Reason = "Fight"

	// revert
	NothingToRevert Reason = "NothingToRevert"
	NotReverted     Reason = "NotReverted"

	// forge
	ForgeFailed Reason = "ForgeFailed"

	// agent
	Paused         Reason = "Paused"
	Held           Reason = "Held"
	HoldUnreadable Reason = "HoldUnreadable"
	ReadOnly       Reason = "ReadOnly"
	Unreachable    Reason = "Unreachable"
	Stale          Reason = "Stale"

	// page and API
	InvalidQuery Reason = "InvalidQuery"
)

// Reasons of the conditions that are not faults: work under way, and the good end.
const (
	Healthy     Reason = "Healthy"
	Fetching    Reason = "Fetching"
	Rendering   Reason = "Rendering"
	Planning    Reason = "Planning"
	Applying    Reason = "Applying"
	Observing   Reason = "Observing"
	Retrying    Reason = "Retrying"
	Rolling     Reason = "Rolling"
	Progressing Reason = "Progressing"
)

// OfSource tells whether something could not be fetched: nothing is wrong with what was read, and the same may work later.
func (r Reason) OfSource() bool {
	return r == FetchFailed || r == CredentialsRefused || r == RevisionNotFound || r == SourceStale
}

// Stalled tells whether no retry will help without a commit or a person.
func (r Reason) Stalled() bool {
	switch r {
	case Unsupported, UnsafeURL, PathNotFound, Ambiguous, DuplicateApp, NameInvalid, NoCluster,
		RenderFailed, RenderTimeout, RenderLimit, PathEscape, RemoteRefused, DuplicateObject, InvalidObject, InvalidSettings,
		DependencyCycle, DeletionHeld, OwnedByOther, ImmutableField, NeedsSync, PolicyDenied, HookFailed, Paused, Held, ReadOnly:
		return true
	}
	return false
}
