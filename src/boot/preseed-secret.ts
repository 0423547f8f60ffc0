// The secret in a preseed's address by which an installer proves that it is the boot told to install.
//
// An installer cannot be made to send a header: `preseed/early_command` would need quotes that
// three loaders read in three ways, and a file added to the initrd is missing in other people's. So
// the proof must be in the address, and addresses are logged: by the installer, by a proxy, in the
// installed system's /var/log/installer. Therefore the boot's token must not be there, but a secret
// for a single use that a one-way function derives from it.
//
//   token of the boot ── SHA-256 with a name of its purpose ──► `boot=…` in the query, which neither rack nor region writes down
//
// 1. It grants access to one installation's answers: from the machine's current address, while its
//    token is valid and its disk not yet written. A later reader of a log gains nothing.
// 2. It reveals nothing of the token: it cannot sign a report or fetch keys or user data.
// 3. Rack and region derive it from the token, store it nowhere, and send it only to the machine.

import { createHash } from 'node:crypto';

const PURPOSE = 'rackboot preseed 1\0';
/** The length of the secret: as many bits of the digest as the token has. */
const SECRET_BYTES = 24;

/** Letters, digits, `-` and `_`. */
export const preseedSecret = (token: string): string =>
  createHash('sha256')
    .update(PURPOSE + token)
    .digest()
    .toString('base64url', 0, SECRET_BYTES);
