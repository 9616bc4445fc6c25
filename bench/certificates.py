"""A certificate for 127.0.0.1 that this process trusts, for benchmarks over TLS."""

import os
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import certifi
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


def trust_own_certificate(folder: Path) -> Path:
    """A PEM file with a new key and its certificate; both HTTP libraries of this process then trust it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    public = certificate.public_bytes(serialization.Encoding.PEM)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    whole, trusted = folder / "server.pem", folder / "trusted.pem"
    whole.write_bytes(private + public)
    trusted.write_bytes(Path(certifi.where()).read_bytes() + public)
    # aiohttp asks OpenSSL, which reads the variable; httpx asks certifi and no variable on loopback.
    os.environ["SSL_CERT_FILE"] = str(trusted)
    certifi.where = lambda: str(trusted)
    return whole
