//go:build !unix

package doctor

import "errors"

func freeSpace(string) (int64, error) {
	return 0, errors.New("the free space is not known on this system")
}
