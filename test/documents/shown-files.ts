// The files that commands of the documents name, as a person would have them at hand.

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { diskImage } from '../support/disk-image.ts';
import { ROOT } from './markdown.ts';

function publicKey(owner: string): string {
  const bytes = Buffer.concat([Buffer.from([0, 0, 0, 11]), Buffer.from('ssh-ed25519'), Buffer.alloc(36, owner)]);
  return `ssh-ed25519 ${bytes.toString('base64')} ${owner}\n`;
}

/** As another server left them, of one network, which is that of the documents. */
function leases(name: string): string {
  return readFileSync(join(ROOT, 'fixtures', 'leases', name), 'utf8')
    .replace(/^lease 10\.89\.[^}]*}\n/gm, '')
    .replace(/^.*10\.89\..*\n/gm, '')
    .replaceAll('10.88.0.1', '10.20.0.2');
}

const FAN_SCRIPT = `#!/bin/sh
# --- Start MAAS 1.0 script metadata ---
# name: fan
# title: Does the fan turn?
# script_type: testing
# timeout: 60
# --- End MAAS 1.0 script metadata ---
echo "the fan turns"
`;

/** Writes them into `home`, and those of other DHCP servers where these keep them. */
export function writeFiles(home: string): void {
  const files: Readonly<Record<string, string | Buffer>> = {
    '.ssh/id_ed25519.pub': publicKey('ann@desk'),
    password: 'correct horse battery staple\n',
    'bmc-password': 'hush-hush\n',
    'site.yaml': '#cloud-config\nruncmd: [touch /etc/deployed-by-rackboot]\n',
    'site.img': diskImage(),
    'fan.sh': FAN_SCRIPT,
    'my-try': '{{inherit "preseed_master"}}\n',
    'check-mirror.sh': '#!/bin/sh\necho "the mirror answers"\n',
  };
  for (const [name, content] of Object.entries(files))
    writeFileSync(join(home, name), content, { mode: name.endsWith('password') ? 0o600 : 0o644 });
  for (const [directory, name] of [
    ['/var/lib/dhcp', 'dhcpd.leases'],
    ['/var/lib/kea', 'kea-leases4.csv'],
    ['/var/lib/misc', 'dnsmasq.leases'],
  ] as const) {
    mkdirSync(directory, { recursive: true });
    writeFileSync(join(directory, name), leases(name));
  }
}
