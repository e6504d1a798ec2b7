package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/pkg/sftp"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/plugin"
)

// copyInputs are the inputs of remote.CopyToRemote, apart from the source, which is no JSON.
type copyInputs struct {
	Connection connection `json:"connection"`
	RemotePath string     `json:"remotePath"`
}

// copyToRemote is the kind that copies a file, a text or a folder to a remote host by SFTP.
type copyToRemote struct{}

func (copyToRemote) prepare(inputs properties) []plugin.CheckFailure {
	decoded, failures := prepareInputs[copyInputs](inputs)
	if len(failures) > 0 {
		return failures
	}
	if missing(inputs, "remotePath") {
		failures = append(failures, plugin.CheckFailure{Property: "remotePath", Reason: "is missing"})
	}
	if _, known := plain(inputs["source"]); known {
		if _, err := sourceOf(inputs); err != nil {
			failures = append(failures, plugin.CheckFailure{Property: "source", Reason: err.Error()})
		}
	}
	return append(failures, decoded.Connection.problems(inputs)...)
}

func (copyToRemote) expected(inputs properties) properties { return inputs.Copy() }

func (copyToRemote) create(ctx context.Context, log logger, inputs properties) (properties, error) {
	decoded, err := decode[copyInputs](inputs)
	if err != nil {
		return nil, err
	}
	source, err := sourceOf(inputs)
	if err != nil {
		return nil, err
	}
	client, err := decoded.Connection.dial(ctx, log)
	if err != nil {
		return nil, err
	}
	defer client.Close()
	defer context.AfterFunc(ctx, func() { client.Close() })()
	files, err := sftp.NewClient(client.Client, sftp.UseConcurrentWrites(true))
	if err != nil {
		return nil, fmt.Errorf("starting SFTP on %s: %w", decoded.Connection.Host, err)
	}
	defer files.Close()
	if err := source.copy(files, decoded.RemotePath); err != nil {
		return nil, fmt.Errorf("copying to %s: %w", decoded.Connection.Host, err)
	}
	return inputs.Copy(), nil
}

// update copies again only if the content or the path is another.
func (c copyToRemote) update(ctx context.Context, log logger, old, inputs properties) (properties, error) {
	before, err := sourceOf(old)
	if err != nil {
		return nil, err
	}
	after, err := sourceOf(inputs)
	if err != nil {
		return nil, err
	}
	if before.hash == after.hash && reveal(old["remotePath"]).DeepEquals(reveal(inputs["remotePath"])) {
		return inputs.Copy(), nil
	}
	return c.create(ctx, log, inputs)
}

// delete leaves the copy where it is.
func (copyToRemote) delete(context.Context, logger, properties) error { return nil }

// A source is a path or a text.
type source struct {
	path, text string
	isText     bool
	hash       string
}

func sourceOf(inputs properties) (source, error) {
	value := reveal(inputs["source"])
	switch {
	case value.IsAsset() && value.AssetValue().IsPath():
		return source{path: value.AssetValue().Path, hash: value.AssetValue().Hash}, nil
	case value.IsAsset() && value.AssetValue().IsText():
		return source{text: value.AssetValue().Text, isText: true, hash: value.AssetValue().Hash}, nil
	case value.IsArchive() && value.ArchiveValue().IsPath():
		return source{path: value.ArchiveValue().Path, hash: value.ArchiveValue().Hash}, nil
	}
	return source{}, errors.New("must be a FileAsset, a StringAsset or a FileArchive")
}

// copy writes the source to the remote path:
//
//	a text to that path;
//	a file to that path, or below it if it is a folder;
//	a folder below that path, or, if its local path ends in /, its content.
func (s source) copy(files *sftp.Client, target string) error {
	found, err := files.Stat(target)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("looking at %s: %w", target, err)
	}
	isFolder := err == nil && found.IsDir()
	if s.isText {
		if isFolder {
			return fmt.Errorf("%s is a folder: a text needs the path of a file", target)
		}
		return write(files, strings.NewReader(s.text), target)
	}
	local, err := os.Stat(s.path)
	if err != nil {
		return err
	}
	if local.IsDir() {
		if found != nil && !isFolder {
			return fmt.Errorf("%s is a file: a folder cannot be copied to it", target)
		}
		if !strings.HasSuffix(s.path, "/") {
			target = path.Join(target, filepath.Base(s.path))
		}
		return copyFolder(files, s.path, target)
	}
	if isFolder {
		target = path.Join(target, filepath.Base(s.path))
	}
	return copyFile(files, s.path, target)
}

func copyFolder(files *sftp.Client, folder, target string) error {
	return filepath.WalkDir(folder, func(local string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		relative, err := filepath.Rel(folder, local)
		if err != nil {
			return err
		}
		remote := path.Join(target, filepath.ToSlash(relative))
		if entry.IsDir() {
			if err := files.MkdirAll(remote); err != nil {
				return fmt.Errorf("making the folder %s: %w", remote, err)
			}
			return nil
		}
		return copyFile(files, local, remote)
	})
}

func copyFile(files *sftp.Client, local, remote string) error {
	content, err := os.Open(local)
	if err != nil {
		return err
	}
	defer content.Close()
	return write(files, content, remote)
}

// write makes a file with what is read, and the folders that lead to it.
func write(files *sftp.Client, content io.Reader, remote string) error {
	if err := files.MkdirAll(path.Dir(remote)); err != nil {
		return fmt.Errorf("making the folder %s: %w", path.Dir(remote), err)
	}
	file, err := files.Create(remote)
	if err != nil {
		return fmt.Errorf("making %s: %w", remote, err)
	}
	_, err = file.ReadFrom(content)
	if closing := file.Close(); err == nil {
		err = closing
	}
	if err != nil {
		return fmt.Errorf("writing %s: %w", remote, err)
	}
	return nil
}
