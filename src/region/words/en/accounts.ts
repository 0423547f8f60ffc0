// Faults of a name, an address, a password or an SSH key.

import type { RefusalTable } from './table.ts';

/** A fault of an SSH key. */
export type SshKeyFault =
  | { readonly kind: 'private' | 'unprintable' | 'not-base64' }
  | { readonly kind: 'long'; readonly max: number }
  | { readonly kind: 'unknown-type'; readonly known: readonly string[] }
  | { readonly kind: 'broken'; readonly algorithm: string };

function sshKeyText(fault: SshKeyFault): string {
  switch (fault.kind) {
    case 'long':
      return `the key is longer than ${fault.max} characters`;
    case 'private':
      return 'this is a private key: give the public one, the file that ends in .pub';
    case 'unprintable':
      return 'a key must be one line of printable characters, as in a file that ends in .pub';
    case 'unknown-type':
      return `the line does not begin with a known key type: give one of ${fault.known.join(', ')}, without options`;
    case 'not-base64':
      return 'the key itself is not Base64';
    case 'broken':
      return `the key is truncated, or is not of the type ${fault.algorithm}`;
  }
}

/** By code. */
export const ACCOUNTS = {
  'field.username': 'a user name must have 1 to 150 letters, digits or @ . + - _',
  'field.username-reserved':
    'the service itself uses this user name (local-administrator, MAAS, maas-init-node, unknown): choose another one',
  'field.email': 'an e-mail address must have the form name@host',
  'field.password-short': ({ min }: { readonly min: number }) => `a password must have at least ${min} characters`,
  'field.password-long': ({ max }: { readonly max: number }) => `a password may have at most ${max} characters`,
  'field.ssh-key': ({ fault }: { readonly fault: SshKeyFault }) => `Invalid SSH public key: ${sshKeyText(fault)}.`,
} as const satisfies RefusalTable;
