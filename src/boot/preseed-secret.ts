// The secret by which an installer shows that it is the boot that was told to install: it stands in the address of its preseed.
//
// An installer fetches its preseed by an address on the kernel line, and cannot be made to send a header: `preseed/early_command` on
// that line would need quotes that three loaders read in three ways, and a file added to its initrd would be missing in the initrds
// that people bring themselves. So the proof has to be in the address, and an address is a thing that is logged: by the installer, by a
// proxy, in the installed system's /var/log/installer. The token of the boot must therefore not be there. What is there instead is made
// from the token by a one-way function, and is good for one thing:
//
//   token of the boot ── SHA-256 with a name of its purpose ──► `boot=…` in the query, which neither rack nor region writes down
//
// 1. It opens the answers of one installation: to the machine's present address, while its token stands and its disk is not written.
//    Whoever reads it later in a log has nothing.
// 2. Nothing of the token follows from it: it signs no report, and fetches neither keys nor user data.
// 3. Rack and region make it from the token that both know: it is stored nowhere and sent nowhere but to the machine.

import { createHash } from 'node:crypto';

const PURPOSE = 'rackboot preseed 1\0';
/** Bytes of the digest that are kept: as many bits as the token has. */
const SECRET_BYTES = 24;

/** The secret of the preseed of the boot with this token: letters, digits, `-` and `_`. */
export const preseedSecret = (token: string): string =>
  createHash('sha256')
    .update(PURPOSE + token)
    .digest()
    .toString('base64url', 0, SECRET_BYTES);
