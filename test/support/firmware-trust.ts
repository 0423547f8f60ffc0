// The authorities that UEFI firmware trusts for HTTPS boot, as QEMU hands them to EDK2.
//
// Sources: UEFI specification §32.4.1 (EFI_SIGNATURE_LIST); EDK2's OvmfPkg/README (`etc/edk2/https/cacerts`).

import { X509Certificate } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** EFI_CERT_X509_GUID, a5c059a1-94e4-4aa7-87b5-ab155c2bf072. */
const X509_TYPE = Buffer.from('a159c0a5e494a74a87b5ab155c2bf072', 'hex');
const HEADER_BYTES = 28;
/** The owner of a signature: any GUID. */
const OWNER = Buffer.alloc(16, 0x77);

/** The arguments of QEMU for firmware that trusts the certificate in a file; makes another file in `directory`. */
export function trustArguments(caFile: string, directory: string): readonly string[] {
  const { raw } = new X509Certificate(readFileSync(caFile));
  const signatureBytes = OWNER.length + raw.length;
  const header = Buffer.alloc(HEADER_BYTES);
  header.set(X509_TYPE);
  header.writeUInt32LE(HEADER_BYTES + signatureBytes, 16);
  header.writeUInt32LE(signatureBytes, 24);
  const file = join(directory, 'cacerts.esl');
  writeFileSync(file, Buffer.concat([header, OWNER, raw]));
  return ['-fw_cfg', `name=etc/edk2/https/cacerts,file=${file}`];
}
