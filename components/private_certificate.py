"""A server's certificate, signed by an authority of the stack's own, both made of random bytes.

For servers that only clients of ours ask, which are given the authority. The same bytes always give
the same texts, so that nothing looks changed when it is not; and nothing expires, so that nothing
has to be renewed in time: rotating makes another certificate, which the same authority signs.
"""

import base64
import dataclasses
import datetime
import hashlib

import pulumi
import pulumi_random as random
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

SEED_BYTES = 32
_CURVE = ec.SECP256R1()
_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
"""Of the curve: a private key lies between zero and this."""
_BEGIN = datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)
_NEVER = datetime.datetime(9999, 12, 31, 23, 59, 59, tzinfo=datetime.UTC)
"""How a certificate says that it does not expire (RFC 5280, 4.1.2.5)."""


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Certificate:
    """What a server proves its name with, and what its clients check that by."""

    authority: pulumi.Output[str]
    """The authority's certificate as PEM; not secret, and the same after a rotation."""
    chain: pulumi.Output[str]
    """The server's certificate as PEM; not secret."""
    private_key: pulumi.Output[str] = dataclasses.field(repr=False)
    """The server's key as PEM; secret."""


def certificate(
    name: str, hostname: str, *, rotation: int = 1, opts: pulumi.ResourceOptions | None = None
) -> Certificate:
    """Return a certificate for a host name; raising `rotation` makes another one.

    Args:
        name: logical name of the random bytes, and the authority's common name.
        hostname: the only name that the certificate is good for.
        rotation: the number of the certificate; the authority stays.
        opts: parent.
    """
    root = random.RandomBytes(f"{name}-authority", length=SEED_BYTES, opts=opts)
    leaf = random.RandomBytes(
        f"{name}-key", length=SEED_BYTES, keepers={"rotation": str(rotation)}, opts=opts
    )
    seeds = pulumi.Output.all(root.base64, leaf.base64).apply(
        lambda texts: [base64.b64decode(text) for text in texts]
    )
    return Certificate(
        authority=pulumi.Output.unsecret(seeds.apply(lambda known: authority_pem(known[0], name))),
        chain=pulumi.Output.unsecret(
            seeds.apply(lambda known: certificate_pem(known[0], name, known[1], hostname))
        ),
        private_key=pulumi.Output.secret(seeds.apply(lambda known: key_pem(known[1]))),
    )


def key_pem(seed: bytes) -> str:
    """Return the private key that a seed makes."""
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8)
    return _key(seed).private_bytes(*form, serialization.NoEncryption()).decode()


def authority_pem(seed: bytes, name: str) -> str:
    """Return the certificate of the authority that a seed makes."""
    key = _key(seed)
    uses = _key_usage(key_cert_sign=True, crl_sign=True)
    made = (
        _builder(seed, name, issuer=name, public=key.public_key(), signer=key.public_key())
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(uses, critical=True)
    )
    return _signed(made, key)


def certificate_pem(authority: bytes, name: str, seed: bytes, hostname: str) -> str:
    """Return the certificate of a host name, signed by the authority."""
    signer, key = _key(authority), _key(seed)
    uses = _key_usage(digital_signature=True)
    server = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH])
    made = (
        _builder(seed, hostname, issuer=name, public=key.public_key(), signer=signer.public_key())
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(uses, critical=True)
        .add_extension(server, critical=False)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(hostname)]), critical=False)
    )
    return _signed(made, signer)


def _builder(
    seed: bytes,
    subject: str,
    *,
    issuer: str,
    public: ec.EllipticCurvePublicKey,
    signer: ec.EllipticCurvePublicKey,
) -> x509.CertificateBuilder:
    serial = hashlib.sha256(b"serial" + seed + subject.encode()).digest()[:16]
    return (
        x509.CertificateBuilder()
        .subject_name(_named(subject))
        .issuer_name(_named(issuer))
        .public_key(public)
        # Positive, and never zero.
        .serial_number(int.from_bytes(serial) >> 1 | 1)
        .not_valid_before(_BEGIN)
        .not_valid_after(_NEVER)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer), critical=False)
    )


def _signed(builder: x509.CertificateBuilder, key: ec.EllipticCurvePrivateKey) -> str:
    # A signature usually holds a random number, which would be a change on every run.
    made = builder.sign(key, hashes.SHA256(), ecdsa_deterministic=True)
    return made.public_bytes(serialization.Encoding.PEM).decode()


def _key(seed: bytes) -> ec.EllipticCurvePrivateKey:
    if len(seed) != SEED_BYTES:
        msg = f"a seed has {SEED_BYTES} bytes, not {len(seed)}"
        raise ValueError(msg)
    return ec.derive_private_key(int.from_bytes(seed) % (_ORDER - 1) + 1, _CURVE)


def _named(text: str) -> x509.Name:
    # A common name holds 64 letters at most; the host name stands in full beside it.
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text[:64])])


def _key_usage(
    *, digital_signature: bool = False, key_cert_sign: bool = False, crl_sign: bool = False
) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=digital_signature,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=key_cert_sign,
        crl_sign=crl_sign,
        encipher_only=False,
        decipher_only=False,
    )
