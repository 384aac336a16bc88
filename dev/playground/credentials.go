package playground

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
)

// masters is the group that the API server's authorizer never refuses.
const masters = "system:masters"

// Every part has a certificate of its own, so that the audit log tells them apart. All are masters: the roles of the real
// components are only made after the API server is ready, and the playground guards nothing from its own parts.
var clients = []leaf{
	{file: "admin", user: "playground-admin", groups: []string{masters}},
	{file: "kube-controller-manager", user: "system:kube-controller-manager", groups: []string{masters}},
	{file: "kube-scheduler", user: "system:kube-scheduler", groups: []string{masters}},
	{file: "simulator", user: "system:playground-simulator", groups: []string{masters}},
}

var servers = []leaf{
	{file: "kube-apiserver", user: "kube-apiserver", server: true},
	{file: "kubelet", user: "simulated-kubelet", server: true},
}

// writeCredentials makes the keys, certificates and kubeconfigs of all parts and of the administrator.
func writeCredentials(d layout, server string) error {
	ca, err := openAuthority(d.pki())
	if err != nil {
		return err
	}
	if err := ensureServiceAccountKey(d.pki()); err != nil {
		return err
	}
	for _, l := range append(append([]leaf{}, servers...), clients...) {
		if err := ca.issue(d.pki(), l); err != nil {
			return fmt.Errorf("certificate %s: %w", l.file, err)
		}
	}
	for _, l := range clients {
		path := d.partKubeconfig(l.file)
		if l.file == "admin" {
			path = d.kubeconfig()
		}
		if err := writeKubeconfig(path, server, d.pki(), l.file); err != nil {
			return err
		}
	}
	return nil
}

// writeKubeconfig writes a self-contained kubeconfig. JSON is YAML, so no YAML writer is needed. The file is replaced in one
// step: whoever reads it during a resume sees the old one or the new one.
func writeKubeconfig(path, server, pki, client string) error {
	var data [3]string
	for i, name := range []string{"ca.crt", client + ".crt", client + ".key"} {
		raw, err := os.ReadFile(filepath.Join(pki, name))
		if err != nil {
			return err
		}
		data[i] = base64.StdEncoding.EncodeToString(raw)
	}
	const name = "plumb-playground"
	type object = map[string]any
	config := object{
		"apiVersion": "v1", "kind": "Config", "current-context": name,
		"clusters": []object{{"name": name, "cluster": object{"server": server, "certificate-authority-data": data[0]}}},
		"users":    []object{{"name": name, "user": object{"client-certificate-data": data[1], "client-key-data": data[2]}}},
		"contexts": []object{{"name": name, "context": object{"cluster": name, "user": name}}},
	}
	text, err := json.MarshalIndent(config, "", "  ")
	if err != nil {
		return err
	}
	temporary := path + ".new"
	if err := os.WriteFile(temporary, append(text, '\n'), 0o600); err != nil {
		return err
	}
	return os.Rename(temporary, path)
}
