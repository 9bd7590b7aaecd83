# SHA-256 in software: x86 processors are told to do without their AES and SHA instructions.
OPENSSL_ia32cap="~0x200000200000000:~0x20000000" exec openssl speed -mr -elapsed -seconds 2 -bytes 16384 sha256
