package provisioning

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"dialtone/config"
)

// settingsOf are the defaults with one user and password.
func settingsOf(t testing.TB, user string) config.Settings {
	t.Helper()
	s := config.Default()
	for tag, value := range map[string]string{"User_ID_1_": user, "Password_1_": secret, "Proxy_1_": "example.test"} {
		if err := s.Set(tag, value); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

func open(t *testing.T, dir string) *Store {
	t.Helper()
	s, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// wantLoaded fails with the sentence unless the store has the settings of user ("" means the
// defaults), from the right copy and with a note that contains note.
func wantLoaded(t *testing.T, sentence string, s *Store, user, from, note string) {
	t.Helper()
	want := config.Default()
	if user != "" {
		want = settingsOf(t, user)
	}
	got, origin, err := s.Load()
	switch {
	case err != nil:
		t.Errorf("%s: %v", sentence, err)
	case origin.From != from || !strings.Contains(origin.Note, note) || note == "" && origin.Note != "":
		t.Errorf("%s: loaded from %q with note %q, want %q with %q", sentence, origin.From, origin.Note, from, note)
	case !reflect.DeepEqual(got, want):
		t.Errorf("%s: the settings differ from those of %q", sentence, user)
	case strings.Contains(origin.Note, secret):
		t.Errorf("%s: the password is in the note %q", sentence, origin.Note)
	}
}

func TestStore(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new", "state")
	s := open(t, dir)
	if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("a new directory has mode %v, %v", info.Mode(), err)
	}
	wantLoaded(t, "the first start has defaults and nothing to complain about", s, "", FromDefaults, "")
	save := func(user string) {
		t.Helper()
		if err := s.Save(settingsOf(t, user)); err != nil {
			t.Fatal(err)
		}
	}
	current, lastGood := filepath.Join(dir, currentFile), filepath.Join(dir, lastGoodFile)
	damage := func(path string, change func([]byte) []byte) {
		t.Helper()
		data, err := os.ReadFile(path)
		if err == nil {
			err = os.WriteFile(path, change(data), 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	flip := func(data []byte) []byte { data[len(data)/2] ^= 1; return data }

	save("1001")
	wantLoaded(t, "what was saved is loaded, secrets included", s, "1001", FromCurrent, "")
	for _, path := range []string{current, lastGood} {
		if info, err := os.Stat(path); err != nil || info.Mode() != 0o600 {
			t.Errorf("%s has mode %v, %v", path, info.Mode(), err)
		}
	}
	save("1002")
	wantLoaded(t, "a second save replaces the first", s, "1002", FromCurrent, "")

	damage(current, flip)
	wantLoaded(t, "one wrong bit is found, and the last good copy loses nothing", s, "1002", FromLastGood,
		"settings.xml is damaged (its checksum does not match); the last good settings are used")
	save("1002")
	wantLoaded(t, "saving the same again repairs the damage", s, "1002", FromCurrent, "")
	damage(current, func(data []byte) []byte { return data[:len(data)/2] })
	wantLoaded(t, "half a file is damage", s, "1002", FromLastGood, "settings.xml is damaged")
	damage(current, func([]byte) []byte { return nil })
	wantLoaded(t, "an empty file is damage", s, "1002", FromLastGood, "settings.xml is damaged")
	damage(current, func([]byte) []byte { return seal([]byte("<html>no profile</html>\n")) })
	wantLoaded(t, "an intact file that is no profile is damage", s, "1002", FromLastGood, "settings.xml is damaged")
	if err := os.Remove(current); err != nil {
		t.Fatal(err)
	}
	wantLoaded(t, "a missing file is said to be missing", s, "1002", FromLastGood, "settings.xml is missing")
	damage(lastGood, flip)
	wantLoaded(t, "without an intact copy the phone has its defaults, and says why", s, "", FromDefaults,
		"settings.xml is missing; settings.last-good.xml is damaged (its checksum does not match): the phone starts with its defaults")
	save("1003")
	wantLoaded(t, "and can be set up again", s, "1003", FromCurrent, "")

	damage(current, func(data []byte) []byte {
		text := strings.Replace(string(data[:len(data)-sealSize]), "</flat-profile>", "<Future_Thing>1</Future_Thing><Register_1_>maybe</Register_1_></flat-profile>", 1)
		return seal([]byte(text))
	})
	_, origin, err := s.Load()
	if err != nil || !strings.Contains(origin.Note, "Register_1_ in settings.xml is refused") || !strings.Contains(origin.Note, "1 values in settings.xml are unknown") {
		t.Errorf("settings of another version: %+v, %v", origin, err)
	}
}

func TestStoreDoesNotWearOutTheCard(t *testing.T) {
	disk := newSimDisk()
	s := &Store{disk: disk}
	for range 3 {
		if err := s.Save(settingsOf(t, "1001")); err != nil {
			t.Fatal(err)
		}
	}
	if want := len(replace(nil, currentFile, lastGoodFile)); len(disk.steps) != want {
		t.Errorf("saving the same three times took %d steps, want %d", len(disk.steps), want)
	}
}

func TestStoreOnAFailingDisk(t *testing.T) {
	plan := replace(nil, currentFile, lastGoodFile)
	for i, broken := range plan {
		disk := newSimDisk()
		s := &Store{Dir: "state", disk: disk}
		if err := s.Save(settingsOf(t, "1001")); err != nil {
			t.Fatal(err)
		}
		n := 0
		disk.fail = func(step) error {
			if n++; n > i {
				return &fs.PathError{Op: "write", Path: "state/" + secret, Err: errDisk}
			}
			return nil
		}
		err := s.Save(settingsOf(t, "1002"))
		if !errors.Is(err, errDisk) || !strings.HasPrefix(err.Error(), "saving settings.xml in state ("+string(broken.verb)+"): the disk is gone") {
			t.Errorf("failing at step %d: %v", i, err)
		}
		if firstRename := len(plan) / 2; i <= firstRename {
			wantLoaded(t, "a save that failed changed nothing", s, "1001", FromCurrent, "")
		} else {
			wantLoaded(t, "a save that failed late is a save", s, "1002", FromCurrent, "")
		}
	}
}

func TestStoreLock(t *testing.T) {
	dir := t.TempDir()
	first := open(t, dir)
	if _, err := Open(dir); err == nil || !strings.Contains(err.Error(), "in use by another dialtone (process ") {
		t.Errorf("a second phone on one directory: %v", err)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	if err := first.Close(); err != nil {
		t.Errorf("closing twice: %v", err)
	}
	open(t, dir)
}

func TestStoreWhereItCannotBe(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{file, filepath.Join(file, "below"), "/proc/dialtone", "/sys/kernel"} {
		if _, err := Open(dir); err == nil || !strings.HasPrefix(err.Error(), "the state directory "+dir+" cannot be used: ") || !strings.Contains(err.Error(), "-state") {
			t.Errorf("a state directory at %s: %v", dir, err)
		}
	}
	unreadable := newSimDisk()
	s := &Store{Dir: "state", disk: deniedDisk{unreadable}}
	if _, _, err := s.Load(); err == nil || !strings.Contains(err.Error(), "permission denied") {
		t.Errorf("settings that may not be read are not replaced by defaults: %v", err)
	}
}

type deniedDisk struct{ disk }

func (d deniedDisk) read(name string) ([]byte, time.Time, error) {
	return nil, time.Time{}, &fs.PathError{Op: "open", Path: name, Err: fs.ErrPermission}
}

func TestStoreValues(t *testing.T) {
	s := open(t, t.TempDir())
	if _, err := s.Value("call-history"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a value nobody kept: %v", err)
	}
	for _, data := range []string{"first", "", "second\x00\n"} {
		if err := s.SaveValue("call-history", []byte(data)); err != nil {
			t.Fatal(err)
		}
		if got, err := s.Value("call-history"); err != nil || string(got) != data {
			t.Errorf("%q comes back as %q, %v", data, got, err)
		}
	}
	path := filepath.Join(s.Dir, "call-history"+valueSuffix)
	if err := os.Truncate(path, 20); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Value("call-history"); err == nil || !strings.Contains(err.Error(), "call-history.value in "+s.Dir) {
		t.Errorf("a damaged value: %v", err)
	}
	for _, name := range []string{"", "../x", "A", "a/b", ".", "lock.new", strings.Repeat("a", 60)} {
		if err := s.SaveValue(name, nil); err == nil {
			t.Errorf("%q is taken as a name", name)
		}
		if _, err := s.Value(name); err == nil || errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%q is looked up as a name: %v", name, err)
		}
	}
	if err := s.SaveValue("large", make([]byte, maxStored)); err == nil {
		t.Error("a huge value is kept")
	}
}

func FuzzLoad(f *testing.F) {
	good := []byte("<flat-profile>\n<Proxy_1_ ua=\"na\">example.test</Proxy_1_>\n<Password_1_>secret</Password_1_></flat-profile>")
	f.Add(good, good, true)
	f.Add(good[:60], []byte("<flat-profile><Proxy_1_>a</Proxy_1_></flat-profile>"), true)
	f.Add([]byte("<flat-profile/>"), []byte(nil), false)
	f.Fuzz(func(t *testing.T, current, lastGood []byte, intact bool) {
		disk := newSimDisk()
		if intact { // the fuzzer does not find checksums
			current, lastGood = seal(current), seal(lastGood)
		}
		disk.files[currentFile] = &simFile{data: current}
		disk.files[lastGoodFile] = &simFile{data: lastGood}
		s := &Store{disk: disk}
		settings, origin, err := s.Load()
		if err != nil {
			t.Fatal(err)
		}
		if origin.From == FromDefaults && !reflect.DeepEqual(settings, config.Default()) {
			t.Error("the defaults are not the defaults")
		}
		if origin.From == FromDefaults {
			return
		}
		if err := s.Save(settings); err != nil {
			t.Errorf("what was loaded cannot be saved: %v", err)
		}
	})
}

func BenchmarkSave(b *testing.B) {
	for b.Loop() {
		s := &Store{disk: newSimDisk()}
		if err := s.Save(settingsOf(b, "1001")); err != nil {
			b.Fatal(err)
		}
	}
}
