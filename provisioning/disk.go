package provisioning

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// Implementation constants.
const (
	tmpSuffix = ".new"  // of a file that is not yet what its name says
	maxStored = 8 << 20 // bytes of a stored file: a dump is larger than the profile it came from

	sealStart = "<!-- sha256:"
	sealEnd   = " -->\n"
	sealSize  = len(sealStart) + 2*sha256.Size + len(sealEnd)
)

// A step is one operation on the state directory. What a save does is a list of them made before the first is
// done, so that a test can pull the plug after each.
type step struct {
	verb verb
	name string
	to   string // of renaming
	data []byte // of writing
}

type verb string

const (
	writing  verb = "write"          // creates or overwrites name; after a power cut any part of it may be there
	syncing  verb = "sync"           // name's contents survive a power cut from here on
	renaming verb = "rename"         // name becomes to, replacing it in one piece
	syncDir  verb = "sync directory" // the renames so far survive from here on
)

// replace are the steps that bring data into every file of names, the first one first. Everything that
// takes space on the disk comes before the first rename, so a full disk changes nothing; one file has the
// old or the new contents whole at any moment, and two are never renamed between the same two syncs.
func replace(data []byte, names ...string) []step {
	var steps []step
	for _, name := range names {
		steps = append(steps,
			step{verb: writing, name: name + tmpSuffix, data: data},
			step{verb: syncing, name: name + tmpSuffix})
	}
	for _, name := range names {
		steps = append(steps,
			step{verb: renaming, name: name + tmpSuffix, to: name},
			step{verb: syncDir})
	}
	return steps
}

// A disk does the steps.
type disk interface {
	do(step) error
	read(name string) (data []byte, saved time.Time, err error) // the error is fs.ErrNotExist if there is none
}

// directory is the disk of the operating system.
type directory string

func (d directory) do(s step) error {
	path := filepath.Join(string(d), s.name)
	switch s.verb {
	case writing:
		return writeFile(path, s.data)
	case syncing:
		return syncFile(path, os.O_WRONLY)
	case renaming:
		return os.Rename(path, filepath.Join(string(d), s.to))
	case syncDir:
		err := syncFile(string(d), os.O_RDONLY)
		if errors.Is(err, syscall.EINVAL) {
			return nil // some file systems cannot sync a directory; they have nothing to offer
		}
		return err
	}
	return fmt.Errorf("unknown step %q", s.verb)
}

func writeFile(path string, data []byte) (err error) {
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC|syscall.O_NOFOLLOW, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	if err := file.Chmod(0o600); err != nil { // it may be left over from somebody with other ideas
		return err
	}
	_, err = file.Write(data)
	return err
}

// syncFile makes durable what was written before, no matter through which descriptor.
func syncFile(path string, flag int) (err error) {
	file, err := os.OpenFile(path, flag, 0)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	return file.Sync()
}

func (d directory) read(name string) (data []byte, saved time.Time, err error) {
	file, err := os.OpenFile(filepath.Join(string(d), name), os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, time.Time{}, err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return nil, time.Time{}, err
	}
	if !info.Mode().IsRegular() {
		return nil, time.Time{}, errors.New("it is not a regular file")
	}
	data, err = io.ReadAll(io.LimitReader(file, maxStored+1))
	if err == nil && len(data) > maxStored {
		err = fmt.Errorf("it is larger than %d MB", maxStored>>20)
	}
	return data, info.ModTime(), err
}

// seal adds the checksum line by which damage is found. The line is a comment, so sealed settings are still
// a profile.
func seal(data []byte) []byte {
	sum := sha256.Sum256(data)
	return fmt.Appendf(bytes.Clone(data), "%s%x%s", sealStart, sum, sealEnd)
}

// unseal checks and removes the checksum line.
func unseal(sealed []byte) ([]byte, error) {
	if len(sealed) < sealSize {
		return nil, errors.New("it ends too early")
	}
	data, line := sealed[:len(sealed)-sealSize], string(sealed[len(sealed)-sealSize:])
	if line[:len(sealStart)] != sealStart || line[sealSize-len(sealEnd):] != sealEnd {
		return nil, errors.New("it does not end with its checksum")
	}
	sum := sha256.Sum256(data)
	if line[len(sealStart):sealSize-len(sealEnd)] != hex.EncodeToString(sum[:]) {
		return nil, errors.New("its checksum does not match")
	}
	return data, nil
}
