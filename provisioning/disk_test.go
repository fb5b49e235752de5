package provisioning

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

// A simDisk is a disk whose plug can be pulled. What is not synced may be there after the power
// comes back, or not, or in part; renames that no sync of the directory followed may have happened in
// any combination.
type simDisk struct {
	files   map[string]*simFile // as the running system sees them
	durable map[string]*simFile // what a power cut leaves for certain
	pending []func(map[string]*simFile)
	fail    func(step) error // an error instead of a step
	steps   []step
}

type simFile struct {
	data   []byte
	synced bool
}

func newSimDisk() *simDisk {
	return &simDisk{files: map[string]*simFile{}, durable: map[string]*simFile{}}
}

func (d *simDisk) do(s step) error {
	d.steps = append(d.steps, s)
	if d.fail != nil {
		if err := d.fail(s); err != nil {
			return err
		}
	}
	var entry func(map[string]*simFile)
	switch s.verb {
	case writing:
		if old := d.files[s.name]; old != nil { // in place: what was there is gone
			old.data, old.synced = s.data, false
			return nil
		}
		file := &simFile{data: s.data}
		entry = func(m map[string]*simFile) { m[s.name] = file }
	case syncing:
		d.files[s.name].synced = true
		return nil
	case renaming:
		file := d.files[s.name]
		entry = func(m map[string]*simFile) { delete(m, s.name); m[s.to] = file }
	case syncDir:
		d.durable = maps.Clone(d.files)
		d.pending = nil
		return nil
	}
	entry(d.files)
	d.pending = append(d.pending, entry)
	return nil
}

func (d *simDisk) read(name string) ([]byte, time.Time, error) {
	file := d.files[name]
	if file == nil {
		return nil, time.Time{}, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	return file.data, time.Time{}, nil
}

// cuts are the disks that may be found after a power cut now.
func (d *simDisk) cuts() []*simDisk {
	var found []*simDisk
	for done := range 1 << len(d.pending) {
		entries := maps.Clone(d.durable)
		for i, apply := range d.pending {
			if done>>i&1 == 1 {
				apply(entries)
			}
		}
		torn := slices.Sorted(maps.Keys(entries))
		torn = slices.DeleteFunc(torn, func(name string) bool { return entries[name].synced })
		kinds := 1
		for range torn {
			kinds *= 3
		}
		for kind := range kinds {
			after := newSimDisk()
			for name, file := range entries {
				after.files[name] = &simFile{data: file.data, synced: true}
			}
			for _, name := range torn {
				data := entries[name].data
				after.files[name].data = [][]byte{nil, data[:len(data)/2], data}[kind%3]
				kind /= 3
			}
			after.durable = maps.Clone(after.files)
			found = append(found, after)
		}
	}
	return found
}

// survivor is what a store finds on d: the first intact copy.
func survivor(d disk, names ...string) string {
	for _, name := range names {
		if data, _, err := d.read(name); err == nil {
			if data, err = unseal(data); err == nil {
				return string(data)
			}
		}
	}
	return "nothing"
}

// powerCuts does the steps on a copy of d and pulls the plug before, between and after them.
func powerCuts(t *testing.T, d *simDisk, steps []step, check func(done int, after *simDisk)) {
	t.Helper()
	for done := range len(steps) + 1 {
		run := newSimDisk()
		run.files, run.durable = maps.Clone(d.files), maps.Clone(d.durable)
		for name, file := range run.files { // steps change files in place
			clone := *file
			run.files[name], run.durable[name] = &clone, &clone
		}
		for _, s := range steps[:done] {
			if err := run.do(s); err != nil {
				t.Fatal(err)
			}
		}
		for _, after := range run.cuts() {
			check(done, after)
		}
	}
}

func TestPowerCuts(t *testing.T) {
	names := []string{currentFile, lastGoodFile}
	saving := func(text string) []step { return replace(seal([]byte(text)), names...) }
	whole := newSimDisk()
	for _, s := range saving("old settings") {
		if err := whole.do(s); err != nil {
			t.Fatal(err)
		}
	}
	states := 0
	powerCuts(t, whole, saving("new settings"), func(done int, after *simDisk) {
		states++
		found := survivor(after, names...)
		if found != "old settings" && found != "new settings" {
			t.Fatalf("after step %d the phone finds %s", done, found)
		}
		if done == len(saving("")) && found != "new settings" {
			t.Fatalf("after a complete save the phone finds %s", found)
		}
		// The power fails once more, in the save after it came back.
		if done%2 == 0 {
			return
		}
		powerCuts(t, after, saving("newer settings"), func(again int, after *simDisk) {
			states++
			if last := survivor(after, names...); last != found && last != "newer settings" {
				t.Fatalf("after step %d and then step %d the phone finds %s, not %s", done, again, last, found)
			}
		})
	})
	t.Logf("%d states of the disk", states)
	if states < 100 {
		t.Error("that is too few to prove anything")
	}

	// The first save ever: nothing or the settings, and never damage in the current file.
	powerCuts(t, newSimDisk(), saving("new settings"), func(done int, after *simDisk) {
		if found := survivor(after, names...); found != "nothing" && found != "new settings" {
			t.Fatalf("after step %d of the first save the phone finds %s", done, found)
		}
		if file := after.files[currentFile]; file != nil && survivor(after, currentFile) == "nothing" {
			t.Fatalf("after step %d of the first save the current file is damaged", done)
		}
	})
}

// Without what makes a save safe, the simulated disk must lose settings: otherwise TestPowerCuts proves nothing.
func TestPowerCutsNoticeCarelessSaving(t *testing.T) {
	careful := replace(seal([]byte("new settings")), currentFile)
	without := func(v verb) []step {
		return slices.DeleteFunc(slices.Clone(careful), func(s step) bool { return s.verb == v })
	}
	for name, steps := range map[string][]step{
		"in place":            {{verb: writing, name: currentFile, data: seal([]byte("new settings"))}, {verb: syncing, name: currentFile}},
		"without sync":        without(syncing),
		"without a directory": without(syncDir),
	} {
		whole := newSimDisk()
		for _, s := range replace(seal([]byte("old settings")), currentFile) {
			if err := whole.do(s); err != nil {
				t.Fatal(err)
			}
		}
		lost := 0
		powerCuts(t, whole, steps, func(done int, after *simDisk) {
			found := survivor(after, currentFile)
			if found == "nothing" || done == len(steps) && found != "new settings" {
				lost++
			}
		})
		if lost == 0 {
			t.Errorf("saving %s loses nothing on the simulated disk", name)
		}
	}
}

func TestDirectory(t *testing.T) {
	dir := t.TempDir()
	// A leftover that anybody may read must not stay so.
	if err := os.WriteFile(filepath.Join(dir, "a"+tmpSuffix), make([]byte, 1000), 0o666); err != nil {
		t.Fatal(err)
	}
	for _, s := range replace([]byte("content"), "a", "b") {
		if err := directory(dir).do(s); err != nil {
			t.Fatal(s.verb, err)
		}
	}
	for _, name := range []string{"a", "b"} {
		data, saved, err := directory(dir).read(name)
		if err != nil || string(data) != "content" || saved.IsZero() {
			t.Errorf("%s holds %q, %v, %v", name, data, saved, err)
		}
		if info, err := os.Stat(filepath.Join(dir, name)); err != nil || info.Mode() != 0o600 {
			t.Errorf("%s has mode %v, %v", name, info.Mode(), err)
		}
	}
	if files, err := filepath.Glob(filepath.Join(dir, "*")); err != nil || len(files) != 2 {
		t.Errorf("left in the directory: %q, %v", files, err)
	}
	if err := directory(dir).do(step{verb: "burn"}); err == nil {
		t.Error("an unknown step is done")
	}
	if _, _, err := directory(dir).read("."); err == nil {
		t.Error("a directory is read")
	}
	if err := os.WriteFile(filepath.Join(dir, "large"), make([]byte, maxStored+1), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err := directory(dir).read("large"); err == nil {
		t.Error("a huge file is read")
	}
}

func TestSeal(t *testing.T) {
	for _, data := range []string{"", "<flat-profile/>\n", "\x00 no newline"} {
		sealed := seal([]byte(data))
		if got, err := unseal(sealed); err != nil || string(got) != data {
			t.Errorf("%q comes back as %q, %v", data, got, err)
		}
		for i := range sealed {
			if _, err := unseal(sealed[:i]); err == nil {
				t.Errorf("%q cut at %d is taken for whole", sealed, i)
			}
			broken := bytes.Clone(sealed)
			broken[i] ^= 0x10
			if _, err := unseal(broken); err == nil {
				t.Errorf("%q with a wrong byte at %d is taken for whole", sealed, i)
			}
		}
	}
}

func FuzzUnseal(f *testing.F) {
	f.Add([]byte(nil))
	f.Add(seal([]byte("<flat-profile/>")))
	f.Add(fmt.Appendf(nil, "%s%064d%s", sealStart, 0, sealEnd))
	f.Fuzz(func(t *testing.T, sealed []byte) {
		if data, err := unseal(sealed); err == nil && !bytes.Equal(seal(data), sealed) {
			t.Errorf("%q is taken for whole and is not what was sealed", sealed)
		}
	})
}

var errDisk = errors.New("the disk is gone")
