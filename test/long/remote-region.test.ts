// Causes for which a rack whose region is another process does not start, and a region whose certificate nobody has vouched for. Real
// processes and sockets on loopback, by any user.
// @host alone

import assert from 'node:assert/strict';
import { chmodSync, existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { systemClock } from '../../src/ground/clock.ts';
import { labPlace } from '../../src/lab/safe-lab.ts';
import { makeAuthority } from '../support/authority.ts';
import { missing } from '../support/needs.ts';
import { remoteRack } from '../support/remote-rack.ts';
import { RunningRack } from '../support/running-rack.ts';

const PLACE = labPlace(14);
const SECURE = labPlace(13);

test('a foreign outbox keeps the rack from starting, by name and before a machine is answered', async () => {
  const other = remoteRack(PLACE, 'other', 'url: "http://127.0.0.1:1/MAAS"');
  try {
    writeFileSync(join(other.stateDir, 'outbox.db'), 'no database '.repeat(100));
    const { code, complaints } = await other.rackboot('run');
    assert.equal(code, 1);
    assert.match(complaints.join('\n'), /outbox\.db is a damaged outbox database/);
  } finally {
    await other.remove();
  }
});

test('a key that others may read, and invalid certificates, keep the rack from starting, by name', async () => {
  const other = remoteRack(PLACE, 'other', 'url: "https://127.0.0.1:1/MAAS", ca_file: "/etc/passwd"');
  try {
    const run = () => other.rackboot('run');
    assert.match((await run()).complaints.join('\n'), /region\.ca_file: \/etc\/passwd holds no certificate/);
    const key = join(other.stateDir, 'region.key');
    assert.ok(existsSync(key));
    chmodSync(key, 0o644);
    assert.match((await run()).complaints.join('\n'), /region\.key has mode 644: .*chmod 600/);
  } finally {
    await other.remove();
  }
});

test('a rack without region.ca_file does not believe a region whose authority this host does not know', {
  skip: missing('openssl'),
}, async () => {
  const directory = mkdtempSync(join(tmpdir(), 'rackboot-remote-tls-'));
  const authority = makeAuthority(directory, systemClock.wallTimeMs());
  const { cert, key } = authority.issue('region');
  const port = SECURE.regionPort + 1000;
  const tls = `tls: { cert: "${cert}", key: "${key}", listen: ["127.0.0.1:${port}"] }`;
  const region = new RunningRack(SECURE, (text) => text.replace(/^region: \{/m, `region: { ${tls},`));
  const doubting = remoteRack(PLACE, 'doubting', `url: "https://127.0.0.1:${port}/MAAS"`);
  try {
    await region.startWhole();
    await doubting.start();
    const reported = await doubting.reported('region.away', { limitMs: 20_000 });
    assert.match(String(reported.reason), /certificate; region\.ca_file names the file/);
  } finally {
    await doubting.remove();
    await region.remove();
    rmSync(directory, { recursive: true, force: true });
  }
});
