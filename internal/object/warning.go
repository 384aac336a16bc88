package object

import (
	"fmt"

	"plumb.dev/plumb/internal/fault"
)

// Warning is a thing that was accepted and may surprise: what was done, and where. It never holds a secret value.
type Warning struct {
	Code    string      `json:"code"`    // for example DUPLICATE_ENTRY
	Message string      `json:"message"` // one sentence, without the place and without a full stop
	Place   fault.Place `json:"place,omitzero"`
}

// String gives "place: message [CODE]", as a Fault does.
func (w Warning) String() string {
	s := w.Message + " [" + w.Code + "]"
	if p := w.Place.String(); p != "" {
		return p + ": " + s
	}
	return s
}

func warning(code string, place fault.Place, format string, args ...any) Warning {
	return Warning{Code: code, Message: fmt.Sprintf(format, args...), Place: place}
}

func invalid(code string, place fault.Place, format string, args ...any) *fault.Fault {
	return fault.New(fault.InvalidObject, format, args...).WithCode(code).At(place)
}

func beyond(code string, place fault.Place, format string, args ...any) *fault.Fault {
	return fault.New(fault.RenderLimit, format, args...).WithCode(code).At(place)
}
