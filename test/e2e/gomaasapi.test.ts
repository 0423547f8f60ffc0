// The Go client that Juju and Terraform are built on, against a running region: it fails a whole list for one key that is missing or
// of another type.
// @host waits

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { systemClock } from '../../src/clock.ts';
import { createApiKey } from '../../src/region/accounts/accounts.ts';
import { startRegion } from '../region/live.ts';
import { facts, report } from '../region/place.ts';
import { missing } from '../support/needs.ts';

const run = promisify(execFile);
/** Where Debian puts the sources of Go packages. */
const GO_SOURCES = '/usr/share/gocode';

const IMAGE = {
  os: 'debian',
  release: 'trixie',
  path: '/images/aa/a.img',
  sha256: 'a'.repeat(64),
  bytes: 10,
  format: 'raw',
};

test('gomaasapi creates a node in API 1.0, reads every machine in API 2.0, and takes one through its life', {
  skip: missing('go', '/usr/share/gocode/src/github.com/juju/gomaasapi'),
  timeout: 240_000,
}, async () => {
  const directory = mkdtempSync(join(tmpdir(), 'rackboot-go-'));
  const live = await startRegion({}, { findImage: ({ release }) => (release === IMAGE.release ? IMAGE : undefined) });
  try {
    const source = join(directory, 'src', 'probe');
    mkdirSync(source, { recursive: true });
    cpSync(join(import.meta.dirname, 'gomaasapi', 'main.go'), join(source, 'main.go'));
    const program = join(directory, 'probe');
    const env = {
      ...process.env,
      GO111MODULE: 'off',
      GOPATH: `${directory}:${GO_SOURCES}`,
      GOCACHE: join(directory, 'cache'),
      GOFLAGS: '',
    };
    await run('go', ['build', '-o', program, '.'], { cwd: source, env });
    const hardware = { cpu: { count: 8 }, memory_mib: 4096, disks: [{ name: 'sda', bytes: 1e12 }] };
    const enlisted = await live.region.enlist(
      report([0x525400000009], { facts: facts({ serial: 'SN100' }, hardware), hostname: 'by-itself' }),
    );
    assert.ok(enlisted.kind === 'create');
    const admin = { username: 'admin', isAdmin: true, comment: '' };
    await live.region.life.command(enlisted.machine.systemId, { name: 'accept', skipsCommissioning: true }, admin);
    const word = { type: 'AUTHORISATION', code: 'rack', params: { text: 'x' }, atMs: 1, username: 'admin' } as const;
    const sshKey = { username: 'admin', key: `ssh-ed25519 ${'A'.repeat(68)}`, createdMs: 1 };
    await live.region.store.life.addSshKey(sshKey, 4, word);
    const key = await createApiKey(live.region.store, systemClock, 'admin');
    const { stdout } = await run(program, [`${live.origin}/MAAS/`, key]);
    const reported = JSON.parse(stdout);
    const common = { zone: 'default', vendor: 'Unknown' };
    assert.deepEqual(reported.machines, [
      {
        ...common,
        status: 'Ready',
        fqdn: 'by-itself.maas',
        memory: 4096,
        cpus: 8,
        nics: 1,
        boot: '52:54:00:00:00:09',
        disks: 1,
      },
      {
        ...common,
        status: 'New',
        fqdn: 'made-by-go.maas',
        memory: 0,
        cpus: 0,
        nics: 2,
        boot: '52:54:00:00:00:01',
        disks: 0,
      },
    ]);
    assert.equal(reported.found, 1);
    assert.deepEqual(reported.life, ['Allocated', 'Deploying', 'Ready']);
    assert.deepEqual(reported.owner_data, { 'juju-units-deployed': 'mysql/0' });
    assert.deepEqual([reported.no_match, reported.unknown, reported.matched], [true, true, 1]);
    assert.equal(reported.uris.length, 2);
    for (const uri of reported.uris) assert.match(uri, /^\/MAAS\/api\/1\.0\/nodes\/[a-z0-9]{6}\/$/);
  } finally {
    await live.close();
    rmSync(directory, { recursive: true, force: true });
  }
});
