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
import { systemClock } from '../../src/ground/clock.ts';
import { createApiKey } from '../../src/region/accounts/accounts.ts';
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

/** The objects of API 2.0 that the program works with, and its report of each. */
const OBJECTS = {
  zones: ['default'],
  pools: ['default'],
  // The number of their VLANs.
  fabrics: 3,
  spaces: ['10.50.0.0/24', '10.8.0.0/24', '10.9.0.0/24'],
  'static-routes': ['10.9.0.0/24 10.8.0.0/24 10.9.0.254'],
  domains: ['maas'],
  tags: ['virtual'],
  'boot-resources': [],
  // Found, with its one interface; none is left.
  devices: [1, 1, 0],
  files: [1, true],
};
const ADMIN = { username: 'admin', isAdmin: true, comment: '' };

/** Makes an object of the region as an administrator. */
async function post({ origin, authorization }: LiveRegion, path: string, fields: Readonly<Record<string, string>>) {
  const request = { method: 'POST', headers: { authorization }, body: new URLSearchParams(fields) };
  const answer = await fetch(`${origin}/MAAS/api/2.0/${path}`, request);
  const text = await answer.text();
  assert.equal(answer.status, 200, text);
  return JSON.parse(text);
}

const hardwareOf = (memoryMib: number) => ({
  cpu: { count: 8 },
  memory_mib: memoryMib,
  disks: [{ name: 'sda', bytes: 1e12 }],
});

/** Two networks of a tagged VLAN with a route, and a machine with an address in one of them. */
async function addNetworks(live: LiveRegion): Promise<void> {
  await post(live, 'spaces/', { name: 'dmz' });
  const { id: fabric } = await post(live, 'fabrics/', { name: 'core' });
  const { id: vlan } = await post(live, `fabrics/${fabric}/vlans/`, { vid: '7', space: 'dmz' });
  for (const third of [8, 9])
    await post(live, 'subnets/', { cidr: `10.${third}.0.0/24`, vlan, gateway_ip: `10.${third}.0.1` });
  const route = { source: '10.9.0.0/24', destination: '10.8.0.0/24', gateway_ip: '10.9.0.254' };
  await post(live, 'static-routes/', route);
  const linked = await live.region.enlist(
    report([0x52540000000b], { facts: facts({ serial: 'SN101' }, hardwareOf(512)), hostname: 'linked' }),
  );
  assert.ok(linked.kind === 'create');
  const { systemId } = linked.machine;
  await live.region.life.command(systemId, { name: 'accept', skipsCommissioning: true }, ADMIN);
  const link = { mode: 'static', subnet: '10.9.0.0/24', ip_address: '10.9.0.7', force: 'true' };
  await post(live, `nodes/${systemId}/interfaces/eth0/?op=link_subnet`, link);
}

test('gomaasapi creates a node in API 1.0, reads every machine in API 2.0, and takes one through its life', {
  skip: missing('go', '/usr/share/gocode/src/github.com/juju/gomaasapi'),
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
    const enlisted = await live.region.enlist(
      report([0x525400000009], { facts: facts({ serial: 'SN100' }, hardwareOf(4096)), hostname: 'by-itself' }),
    );
    assert.ok(enlisted.kind === 'create');
    await live.region.life.command(enlisted.machine.systemId, { name: 'accept', skipsCommissioning: true }, ADMIN);
    const word = { type: 'AUTHORISATION', code: 'rack', params: { text: 'x' }, atMs: 1, username: 'admin' } as const;
    const sshKey = { username: 'admin', key: `ssh-ed25519 ${'A'.repeat(68)}`, createdMs: 1 };
    await live.region.store.life.addSshKey(sshKey, 4, word);
    const key = await createApiKey(live.region.store, systemClock, 'admin');
    await post(live, 'tags/', { name: 'virtual' });
    await post(live, 'nodegroups/?op=register', registrationFields());
    await addNetworks(live);
    const { stdout } = await run(program, [`${live.origin}/MAAS/`, key, ...Object.keys(OBJECTS)], {
      timeout: PROGRAM_MS_MAX,
    });
    const reported = JSON.parse(stdout);
    const common = { zone: 'default', vendor: 'Unknown', nics: 1, disks: 1, cpus: 8 };
    const dhcp = 'dhcp  10.50.0.0/24 10.50.0.1 0 fabric-0';
    const [ready, added, made] = ['by-itself.maas', 'linked.maas', 'made-by-go.maas'];
    const static7 = 'static 10.9.0.7 10.9.0.0/24 10.9.0.1 7 core';
    const nothing = { cpus: 0, disks: 0, memory: 0 };
    assert.deepEqual(reported.machines, [
      { ...common, status: 'Ready', fqdn: ready, memory: 4096, boot: '52:54:00:00:00:09', links: [dhcp] },
      { ...common, status: 'Ready', fqdn: added, memory: 512, boot: '52:54:00:00:00:0b', links: [static7] },
      {
        ...common,
        status: 'Commissioning',
        fqdn: made,
        ...nothing,
        boot: '52:54:00:00:00:01',
        nics: 2,
        links: [dhcp, 'link_up '],
      },
    ]);
    assert.equal(reported.found, 1);
    assert.deepEqual(reported.life, ['Allocated', 'Deploying', 'Ready']);
    assert.deepEqual(reported.owner_data, { 'juju-units-deployed': 'mysql/0' });
    assert.deepEqual([reported.no_match, reported.unknown, reported.matched], [true, true, 1]);
    assert.deepEqual(reported.clusters, ['rack-2']);
    assert.deepEqual(reported.version, '2.9.0 rackboot');
    assert.deepEqual(reported.statuses, [6, 10, 6, 9, 4, 4]);
    assert.deepEqual(reported.objects, OBJECTS);
    assert.equal(reported.uris.length, 3);
    for (const uri of reported.uris) assert.match(uri, /^\/MAAS\/api\/1\.0\/nodes\/[a-z0-9]{6}\/$/);
  } finally {
    await live.close();
    rmSync(directory, { recursive: true, force: true });
  }
});
