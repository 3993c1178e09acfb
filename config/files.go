package config

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io"
	"io/fs"
	"os"
	"strconv"
	"syscall"
)

// Who may do what with a file, in its mode.
const (
	forOthers     = 0o077 // anything, for the group or for everybody
	forGroupReads = 0o040
)

// checkFiles looks into the files of TLS settings: a certificate that cannot be read is better found now than by night.
func (c *Config) checkFiles() error {
	for i, t := range c.Trunks {
		at := "$.trunks[" + strconv.Itoa(i) + "].tls"
		if t.TLS.CAFile != "" {
			text, fault := readFile(t.TLS.CAFile, maxFile)
			if fault == "" && !x509.NewCertPool().AppendCertsFromPEM(text) {
				fault = "must hold certificates (PEM)"
			}
			if fault != "" {
				return broken(at+".ca_file", "%s", fault)
			}
		}
		if t.TLS.CertFile == "" {
			continue
		}
		cert, fault := readFile(t.TLS.CertFile, maxFile)
		if fault == "" && !certificate(cert) {
			fault = "must hold our certificate (PEM)"
		}
		if fault != "" {
			return broken(at+".cert_file", "%s", fault)
		}
		key, fault := c.readPrivate(t.TLS.KeyFile, maxFile)
		if fault == "" {
			if _, err := tls.X509KeyPair(cert, key); err != nil {
				fault = "must hold the key (PEM, without passphrase) of the certificate in cert_file"
			}
		}
		if fault != "" {
			return broken(at+".key_file", "%s", fault)
		}
	}
	return nil
}

// certificate tells whether text begins with a certificate, other PEM blocks apart.
func certificate(text []byte) bool {
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		if block.Type == "CERTIFICATE" {
			_, err := x509.ParseCertificate(block.Bytes)
			return err == nil
		}
	}
	return false
}

// readPrivate reads a file that in production only we may read.
func (c *Config) readPrivate(path string, limit int64) (text []byte, fault string) {
	info, err := os.Stat(path)
	if err == nil && c.Production() && !private(info) {
		return nil, "others may read or write it: let it belong to the gateway's user with mode 0600, or to root with mode 0640"
	}
	return readFile(path, limit) // and says why it could not be looked at
}

// private tells whether a file is its owner's alone. One of root's may also be read by a group: that is how a service
// gets what it must not change.
func private(info fs.FileInfo) bool {
	others := info.Mode().Perm() & forOthers
	if stat, ok := info.Sys().(*syscall.Stat_t); ok && stat.Uid == 0 {
		others &^= forGroupReads
	}
	return others == 0
}

// readFile reads a file of at most limit bytes, or says what is wrong with it. The path is not repeated: where somebody
// wrote the secret itself, it is one.
func readFile(path string, limit int64) (text []byte, fault string) {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return nil, "cannot be read: " + reason(err)
	case !info.Mode().IsRegular(): // a pipe without a writer would hold the start up
		return nil, "must be the path of a file"
	}
	f, err := os.Open(path) //nolint:gosec // the operator names the file
	if err != nil {
		return nil, "cannot be read: " + reason(err)
	}
	defer f.Close() //nolint:errcheck // read only
	text, err = io.ReadAll(io.LimitReader(f, limit+1))
	switch {
	case err != nil:
		return nil, "cannot be read: " + reason(err)
	case int64(len(text)) > limit:
		return nil, "must be smaller than " + strconv.FormatInt(limit, 10) + " bytes"
	}
	return text, ""
}

// reason is an error of the file system without the path.
func reason(err error) string {
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		return e.Err.Error()
	}
	return err.Error()
}
