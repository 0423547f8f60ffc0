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
import { OPERATIONS } from '../../src/region/api/operations.ts';
import { type LiveRegion, startRegion } from '../region/live.ts';
import { facts, report } from '../region/place.ts';
import { registrationFields } from '../region/racks/rack-place.ts';
import { missing } from '../support/needs.ts';

const run = promisify(execFile);
/** Where Debian puts the sources of Go packages. */
const GO_SOURCES = '/usr/share/gocode';
const BUILD_MS_MAX = 180_000;
const PROGRAM_MS_MAX = 30_000;

const IMAGE = {
  os: 'debian',
  release: 'trixie',
  path: '/images/aa/a.img',
  sha256: 'a'.repeat(64),
  bytes: 10,
  format: 'raw',
};

/** The objects of API 2.0 that the program works with, and its report of each; undefined: it differs. */
const OBJECTS: Readonly<Record<string, unknown>> = {
  zones: ['default'],
  pools: ['default'],
  fabrics: undefined,
  spaces: undefined,
  'static-routes': undefined,
  domains: ['maas'],
  tags: ['virtual'],
  'boot-resources': [],
  // Found, with its one interface; none is left.
  devices: [1, 1, 0],
  files: [1, true],
};
/** Those that this region serves: the rest joins as soon as the table of operations has it. */
const SERVED = Object.keys(OBJECTS).filter((path) =>
  OPERATIONS.some((operation) => operation.path === path && operation.versions.includes('2.0')),
);

/** Makes an object of the region as an administrator. */
async function post({ origin, authorization }: LiveRegion, path: string, fields: Record<string, string>) {
  const request = { method: 'POST', headers: { authorization }, body: new URLSearchParams(fields) };
  const answer = await fetch(`${origin}/MAAS/api/2.0/${path}`, request);
  assert.equal(answer.status, 200, await answer.text());
}

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
    await run('go', ['build', '-o', program, '.'], { cwd: source, env, timeout: BUILD_MS_MAX });
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
    await post(live, 'tags/', { name: 'virtual' });
    await post(live, 'nodegroups/?op=register', registrationFields());
    const { stdout } = await run(program, [`${live.origin}/MAAS/`, key, ...SERVED], { timeout: PROGRAM_MS_MAX });
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
    assert.deepEqual(reported.clusters, ['rack-2']);
    assert.deepEqual(reported.version, '2.9.0 rackboot');
    assert.deepEqual(reported.statuses, [6, 10, 6, 9, 4, 4]);
    for (const name of SERVED) {
      const wanted = OBJECTS[name];
      if (wanted !== undefined) assert.deepEqual(reported.objects[name], wanted, name);
      else assert.doesNotMatch(String(reported.objects[name]), /^fails: /, name);
    }
    assert.equal(reported.uris.length, 2);
    for (const uri of reported.uris) assert.match(uri, /^\/MAAS\/api\/1\.0\/nodes\/[a-z0-9]{6}\/$/);
  } finally {
    await live.close();
    rmSync(directory, { recursive: true, force: true });
  }
});
