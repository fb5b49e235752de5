package provisioning

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"time"

	"dialtone/config"
)

// The files of a state directory, and valueSuffix for the values beside the settings.
const (
	currentFile  = "settings.xml"
	lastGoodFile = "settings.last-good.xml"
	lockFile     = "lock"
	valueSuffix  = ".value"
)

// Store keeps the settings and a few small values in a directory. Both copies of the settings are
// written with every save, one after the other, each in one piece and with a checksum: a power cut
// at any moment leaves the settings of before or after, and damage to one copy is found and the
// other used. Its methods may be called from many goroutines at once.
type Store struct {
	Dir string

	mu   sync.Mutex
	lock *os.File
	disk disk // nil: Dir
}

// Origin says where settings came from.
type Origin struct {
	From  string    // settings.xml, settings.last-good.xml or defaults
	Saved time.Time // when, by the clock of then; zero for defaults. The clock cannot be earlier now.
	Note  string    // what is wrong, in a sentence for the log and the status page; empty if nothing is
}

// The values of Origin.From.
const (
	FromCurrent  = currentFile
	FromLastGood = lastGoodFile
	FromDefaults = "defaults"
)

// Open makes dir if it is not there, makes sure it can be written, and keeps other phones out of
// it until Close: two phones with one directory would undo each other's settings.
func Open(dir string) (*Store, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, dirError(dir, err)
	}
	file, err := os.OpenFile(filepath.Join(dir, lockFile), os.O_RDWR|os.O_CREATE|syscall.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, dirError(dir, err)
	}
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		owner := make([]byte, 16)
		n, _ := file.ReadAt(owner, 0)
		file.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, fmt.Errorf("the state directory %s is in use by another dialtone (process %s): give this one its own with -state",
				dir, strings.TrimSpace(string(owner[:n])))
		}
		return nil, dirError(dir, err)
	}
	s := &Store{Dir: dir, lock: file}
	err = file.Truncate(0)
	if err == nil {
		_, err = fmt.Fprintf(file, "%d\n", os.Getpid())
	}
	if err == nil {
		// An existing lock file can be opened in a directory where nothing can be made.
		probe := filepath.Join(dir, lockFile+tmpSuffix)
		if err = writeFile(probe, nil); err == nil {
			err = os.Remove(probe)
		}
	}
	if err != nil {
		s.Close()
		return nil, dirError(dir, err)
	}
	return s, nil
}

func dirError(dir string, err error) error {
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		err = e.Err
	}
	return fmt.Errorf("the state directory %s cannot be used: %w (choose another with -state)", dir, err)
}

// Close lets others use the directory.
func (s *Store) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.lock == nil {
		return nil
	}
	err := s.lock.Close()
	s.lock = nil
	return err
}

// Load returns the stored settings, or the defaults if there are none or no copy is intact;
// Origin.Note says so. An error means the directory could not be read at all, and that its settings
// must not be overwritten by defaults.
func (s *Store) Load() (config.Settings, Origin, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var notes []string
	missing := 0
	for _, name := range []string{currentFile, lastGoodFile} {
		data, saved, err := s.read(name)
		if errors.Is(err, fs.ErrPermission) {
			return config.Settings{}, Origin{}, dirError(s.Dir, err)
		}
		var settings config.Settings
		var report config.Report
		if err == nil {
			settings, report, err = config.Parse(data, config.Default())
		}
		if err == nil {
			notes = append(notes, remarks(name, report)...)
			return settings, Origin{From: name, Saved: saved, Note: strings.Join(notes, "; ")}, nil
		}
		if errors.Is(err, fs.ErrNotExist) {
			missing++
			notes = append(notes, name+" is missing")
		} else {
			notes = append(notes, fmt.Sprintf("%s is damaged (%v)", name, err))
		}
	}
	origin := Origin{From: FromDefaults}
	if missing < 2 {
		origin.Note = strings.Join(notes, "; ") + ": the phone starts with its defaults"
	}
	return config.Default(), origin, nil
}

// remarks are what a person should know about stored settings that were read whole.
func remarks(name string, report config.Report) []string {
	var notes []string
	if name == lastGoodFile {
		notes = append(notes, "the last good settings are used")
	}
	for _, r := range report.Refused {
		notes = append(notes, fmt.Sprintf("%s in %s is refused: %s", r.Tag, name, r.Reason))
	}
	if report.Unknown > 0 {
		notes = append(notes, fmt.Sprintf("%d values in %s are unknown to this version and will be dropped", report.Unknown, name))
	}
	return notes
}

// Save keeps the settings. After an error the ones of before are still the stored ones, unless the disk
// itself failed between the two copies; then it is either.
func (s *Store) Save(settings config.Settings) error {
	data := config.Dump(settings, config.DumpOptions{Secrets: true})
	// What cannot be read back would be lost at the next start, when it is too late to say so.
	back, report, err := config.Parse(data, config.Default())
	if err == nil && len(report.Refused) > 0 {
		r := report.Refused[0]
		err = fmt.Errorf("%s: %s", r.Tag, r.Reason)
	}
	if err == nil && !bytes.Equal(config.Dump(back, config.DumpOptions{Secrets: true}), data) {
		err = errors.New("they would be read back differently")
	}
	if err != nil {
		return fmt.Errorf("the settings cannot be stored: %w", err)
	}
	return s.store(data, currentFile, lastGoodFile)
}

var valueName = regexp.MustCompile(`^[a-z][a-z0-9-]{0,40}$`)

// SaveValue keeps a small value, such as "admin-password" or "call-history", under a name of lower-case letters,
// digits and hyphens.
func (s *Store) SaveValue(name string, data []byte) error {
	if !valueName.MatchString(name) {
		return fmt.Errorf("%q is no name for a stored value", name)
	}
	return s.store(data, name+valueSuffix)
}

// Value returns a value kept by SaveValue. If there is none the error is fs.ErrNotExist.
func (s *Store) Value(name string) ([]byte, error) {
	if !valueName.MatchString(name) {
		return nil, fmt.Errorf("%q is no name for a stored value", name)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	data, _, err := s.read(name + valueSuffix)
	if err != nil {
		return nil, fmt.Errorf("%s in %s: %w", name+valueSuffix, s.Dir, err)
	}
	return data, nil
}

// read returns the contents of one file if they are intact.
func (s *Store) read(name string) ([]byte, time.Time, error) {
	sealed, saved, err := s.where().read(name)
	if err != nil {
		return nil, saved, err
	}
	data, err := unseal(sealed)
	return data, saved, err
}

// store brings data into the files, unless it is there already: flash memory wears out.
func (s *Store) store(data []byte, names ...string) error {
	if len(data) > maxStored-sealSize {
		return fmt.Errorf("%s would be larger than %d MB", names[0], maxStored>>20)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	sealed := seal(data)
	same := true
	for _, name := range names {
		stored, _, err := s.where().read(name)
		same = same && err == nil && bytes.Equal(stored, sealed)
	}
	if same {
		return nil
	}
	for _, step := range replace(sealed, names...) {
		if err := s.where().do(step); err != nil {
			if e, ok := errors.AsType[*fs.PathError](err); ok {
				err = e.Err
			}
			return fmt.Errorf("saving %s in %s (%s): %w", names[0], s.Dir, step.verb, err)
		}
	}
	return nil
}

func (s *Store) where() disk {
	if s.disk != nil {
		return s.disk
	}
	return directory(s.Dir)
}
