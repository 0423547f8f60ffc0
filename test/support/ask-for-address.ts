// A client that gets an address by DHCP, and keeps nothing of it.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';

/** Asks for an address by `eth0` of this network namespace, and fails unless this server gives one. */
export function askForAddress(host: string, server: string): void {
  const client = ['udhcpc', '-i', 'eth0', '-n', '-q', '-t', '5', '-T', '5', '-s', '/bin/true'];
  const { status, stderr } = spawnSync('ip', ['netns', 'exec', host, ...client], { encoding: 'utf8' });
  assert.equal(status, 0, stderr);
  assert.ok(stderr.includes(`obtained from ${server}`), stderr);
}
