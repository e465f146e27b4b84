//! Certificates of two authorities, made by openssl for keys of the tests.

use super::written;
use crate::harness::command::Program;
use crate::harness::cosign::private_key;
use crate::harness::signer::Signer;
use bundle_testing::peers;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

pub(super) const EMAIL: &str = "me@example.com";
pub(super) const ISSUER: &str = "https://login.example";
/// Matches the certificate of the organisation, by its wildcard.
pub(super) const BUILDER: &str = "one.build.example";

/// Who signs with certificates, and what they have.
pub(super) struct Authorities {
    folder: TempDir,
    /// Roots, as files.
    pub(super) root: PathBuf,
    pub(super) other_root: PathBuf,
    pub(super) intermediate: PathBuf,
    /// Directly below the root, as Fulcio issues them.
    pub(super) person: Certified,
    /// Below the intermediate, as Fulcio issues them.
    pub(super) below: Certified,
    /// Below the root, of an organisation: an e-mail address and `*.build.example`.
    pub(super) builder: Certified,
    /// The same below the intermediate.
    pub(super) builder_below: Certified,
    /// The same below the root, for servers.
    pub(super) server: Certified,
}

/// A key and a certificate for it in PEM.
pub(super) struct Certified {
    pub(super) signer: Signer,
    pub(super) certificate: String,
}

/// Makes certificates in a folder.
struct Office<'a> {
    openssl: &'a Path,
    folder: &'a Path,
}

const AUTHORITY: &str = "basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign\n";

impl Authorities {
    /// `None` without openssl.
    pub(super) fn new(test: &str) -> Option<Self> {
        let openssl = peers::require(test, "openssl")?;
        let folder = tempfile::tempdir().expect("folder");
        let office = Office { openssl: &openssl, folder: folder.path() };
        let root = office.authority("root", None);
        let other_root = office.authority("other-root", None);
        let intermediate = office.authority("intermediate", Some("root"));
        let fulcio = format!(
            "extendedKeyUsage=codeSigning\nsubjectAltName=critical,email:{EMAIL}\n\
             1.3.6.1.4.1.57264.1.1=DER:{}\n1.3.6.1.4.1.57264.1.8=ASN1:UTF8String:{ISSUER}\n",
            hex(ISSUER)
        );
        let names = format!("subjectAltName=email:{EMAIL},DNS:*.build.example\n");
        let of_code = format!("extendedKeyUsage=codeSigning\n{names}");
        Some(Self {
            person: office.certify("person", "root", &fulcio),
            below: office.certify("below", "intermediate", &fulcio),
            builder: office.certify("builder", "root", &of_code),
            builder_below: office.certify("builder-below", "intermediate", &of_code),
            server: office.certify(
                "server",
                "root",
                &format!("extendedKeyUsage=serverAuth\n{names}"),
            ),
            root,
            other_root,
            intermediate,
            folder,
        })
    }

    /// The certificates in these files, one after the other.
    pub(super) fn chain(&self, of: &[&Path]) -> String {
        of.iter().map(|file| fs::read_to_string(file).expect("certificate")).collect()
    }

    /// A file with both roots.
    pub(super) fn both_roots(&self) -> PathBuf {
        let both = self.chain(&[&self.root, &self.other_root]);
        written(self.folder.path(), "both.pem", &both)
    }
}

impl Office<'_> {
    /// An authority, self-signed or below another one.
    fn authority(&self, name: &str, issuer: Option<&str>) -> PathBuf {
        let key = self.folder.join(format!("{name}.key"));
        let kind = ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"];
        private_key(self.openssl, &key, &kind);
        let Some(issuer) = issuer else {
            return self.issue(name, &[OsStr::new("-key"), key.as_os_str()], AUTHORITY);
        };
        let public = self.folder.join(format!("{name}.pub"));
        let run = Program::new(self.openssl).args(&["pkey", "-pubout", "-in"]).arg(&key);
        run.arg("-out").arg(&public).run().expect_code(0);
        self.issue_below(issuer, name, &public, AUTHORITY)
    }

    /// A new key with a certificate of a day.
    fn certify(&self, name: &str, issuer: &str, extensions: &str) -> Certified {
        let signer = Signer::p256();
        let public = written(self.folder, &format!("{name}.pub"), &signer.public_pem());
        let extensions = format!("keyUsage=critical,digitalSignature\n{extensions}");
        let file = self.issue_below(issuer, name, &public, &extensions);
        Certified { signer, certificate: fs::read_to_string(file).expect("certificate") }
    }

    fn issue_below(&self, issuer: &str, name: &str, public: &Path, extensions: &str) -> PathBuf {
        let [certificate, key] =
            ["pem", "key"].map(|end| self.folder.join(format!("{issuer}.{end}")));
        let by = [
            OsStr::new("-CA"),
            certificate.as_os_str(),
            OsStr::new("-CAkey"),
            key.as_os_str(),
            OsStr::new("-force_pubkey"),
            public.as_os_str(),
        ];
        self.issue(name, &by, extensions)
    }

    fn issue(&self, name: &str, by: &[&OsStr], extensions: &str) -> PathBuf {
        let certificate = self.folder.join(format!("{name}.pem"));
        let extensions = written(self.folder, &format!("{name}.ext"), extensions);
        Program::new(self.openssl)
            .args(&["x509", "-new", "-sha256", "-days", "1", "-subj"])
            .arg(format!("/CN={name}"))
            .arg("-extfile")
            .arg(extensions)
            .arg("-out")
            .arg(&certificate)
            .args(by)
            .run()
            .expect_code(0);
        certificate
    }
}

fn hex(text: &str) -> String {
    let bytes: Vec<String> = text.bytes().map(|byte| format!("{byte:02x}")).collect();
    bytes.join(":")
}
