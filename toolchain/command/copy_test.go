package main

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/archive"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/asset"
)

// onSSHDCopying returns a copy resource, its connection, and a folder that serves as the remote side.
func onSSHDCopying(t *testing.T) (subject, properties, string) {
	t.Helper()
	inputs := properties{"connection": object(startSSHD(t).connection())}
	return newSubject(t, "command:remote:CopyToRemote"), inputs, filepath.Join(t.TempDir(), "remote")
}

func to(inputs properties, remotePath string, source resource.PropertyValue) properties {
	return with(inputs, properties{"remotePath": text(remotePath), "source": source})
}

func fileAsset(t *testing.T, path string) resource.PropertyValue {
	t.Helper()
	file, err := asset.FromPath(path)
	must(t, err)
	return resource.NewProperty(file)
}

func textAsset(t *testing.T, content string) resource.PropertyValue {
	t.Helper()
	file, err := asset.FromText(content)
	must(t, err)
	return resource.NewProperty(file)
}

func folderArchive(t *testing.T, path string) resource.PropertyValue {
	t.Helper()
	folder, err := archive.FromPath(path)
	must(t, err)
	return resource.NewProperty(folder)
}

func expectFile(t *testing.T, path, want string) {
	t.Helper()
	content, err := os.ReadFile(path)
	must(t, err)
	if string(content) != want {
		t.Errorf("%s holds %q, not %q", path, content, want)
	}
}

func TestATextOrAFileBecomesTheRemoteFileAndItsFoldersAreMade(t *testing.T) {
	it, inputs, remote := onSSHDCopying(t)
	it.create(to(inputs, remote+"/a/b/text", textAsset(t, "content")))
	expectFile(t, remote+"/a/b/text", "content")

	local := filepath.Join(t.TempDir(), "local")
	writeFile(t, local, "from a file")
	it.create(to(inputs, remote+"/a/b/text", fileAsset(t, local)))
	expectFile(t, remote+"/a/b/text", "from a file")
	it.create(to(inputs, remote+"/a", fileAsset(t, local)))
	expectFile(t, remote+"/a/local", "from a file")
}

func TestAFolderGoesBelowTheRemotePathOrItsContentDoes(t *testing.T) {
	it, inputs, remote := onSSHDCopying(t)
	local := filepath.Join(t.TempDir(), "site")
	writeFile(t, local+"/index.html", "<p>")
	writeFile(t, local+"/css/main.css", "p {}")
	it.create(to(inputs, remote+"/whole", folderArchive(t, local)))
	expectFile(t, remote+"/whole/site/css/main.css", "p {}")
	it.create(to(inputs, remote+"/content", folderArchive(t, local+"/")))
	expectFile(t, remote+"/content/index.html", "<p>")
	expectFile(t, remote+"/content/css/main.css", "p {}")
}

func TestOnlyOtherContentOrAnotherPathIsCopiedAgain(t *testing.T) {
	it, inputs, remote := onSSHDCopying(t)
	path := remote + "/text"
	state := it.create(to(inputs, path, textAsset(t, "one")))
	writeFile(t, path, "changed there")
	more := slices.Clone([]resource.PropertyValue{text("x")})
	state = it.update(state, with(to(inputs, path, textAsset(t, "one")), properties{"triggers": resource.NewProperty(more)}))
	expectFile(t, path, "changed there")
	state = it.update(state, to(inputs, path, textAsset(t, "two")))
	expectFile(t, path, "two")
	it.update(state, to(inputs, path+".new", textAsset(t, "two")))
	expectFile(t, path+".new", "two")
}

func TestWhatCannotBeCopiedIsAnError(t *testing.T) {
	it, inputs, remote := onSSHDCopying(t)
	must(t, os.MkdirAll(remote, 0o755))
	_, err := it.tryCreate(context.Background(), to(inputs, remote, textAsset(t, "x")))
	expectError(t, err, "is a folder")

	local := filepath.Join(t.TempDir(), "site")
	writeFile(t, local+"/index.html", "<p>")
	writeFile(t, remote+"/file", "")
	_, err = it.tryCreate(context.Background(), to(inputs, remote+"/file", folderArchive(t, local)))
	expectError(t, err, "is a file")

	together, err := archive.FromAssets(map[string]any{})
	must(t, err)
	_, failures := it.check(to(inputs, remote, resource.NewProperty(together)))
	if len(failures) != 1 || failures[0].Property != "source" {
		t.Errorf("failures: %v", failures)
	}
	unknown := it.checked(to(inputs, remote, resource.MakeComputed(text(""))))
	if !unknown["source"].IsComputed() {
		t.Errorf("source: %v", unknown["source"])
	}
}
