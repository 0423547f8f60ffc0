// The output of `rackboot status` about closed DHCP ports, the boot tree and refused configurations.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isHealthy, refusedLines, stateOf, treeLines, unopenedListeners } from '../../../src/cli/rack/status.ts';
import { statusShape } from '../../../src/cli/terminal/shapes.ts';

const LAB = { name: 'lab', interface: 'eth1', network: '10.20.0.0/24', mode: 'proxy', serving: true, reason: '' };
const FAR = { ...LAB, name: 'far', interface: 'eth2', network: '10.30.0.0/24', mode: 'server' };
const partly = statusShape.pick({ interfaces: true, dhcp: true, tree: true, region: true, journal: true });
const status = (...problems: readonly object[]) =>
  partly.parse({
    interfaces: [LAB, FAR],
    dhcp: { problems },
    region: {
      mode: 'local',
      state: 'up',
      addresses: [],
      eventsWaiting: 0,
      eventsDropped: 0,
      desiredVersion: 1,
    },
    journal: { available: true },
  });
const TEXT = 'port 4011 is in use by another program';

test('a rack is healthy with every port open, and with one that waits', () => {
  for (const fine of [
    status(),
    status({ name: 'eth1', text: 'there is no eth1', waitedFor: true }),
    // As sent by an older daemon.
    status({ name: 'eth1', text: 'there is no eth1' }),
  ]) {
    assert.equal(isHealthy(fine), true);
    assert.deepEqual(
      fine.interfaces.map((entry) => stateOf(entry, fine)),
      ['served: boot only (proxy)', 'served'],
    );
  }
});

for (const name of ['eth1', '10.20.0.1']) {
  test(`while DHCP has no port on ${name}, its network is not served and the rack is not healthy`, () => {
    const broken = status({ name, text: TEXT, waitedFor: false }, { name, text: TEXT, waitedFor: false });
    assert.equal(isHealthy(broken), false);
    assert.deepEqual(
      broken.interfaces.map((entry) => stateOf(entry, broken)),
      [`DHCP cannot listen on ${name}`, 'served'],
    );
  });
}

test('a network that waits for its interface says so first', () => {
  const waits = { ...LAB, serving: false, reason: 'eth1 is down' };
  assert.equal(stateOf(waits, status({ name: 'eth1', text: TEXT, waitedFor: false })), 'waits: eth1 is down');
});

test('an unreadable boot tree is a line, and the rack is not healthy', () => {
  const problem = { reason: 'boot.tree /t is not a directory: name the directory', since: '2026-11-21T12:00:00.000Z' };
  assert.deepEqual(treeLines({ tree: { problem } }), [
    'BAD     boot.tree /t is not a directory: name the directory (since 2026-11-21T12:00:00.000Z; the rack rereads it automatically)',
  ]);
  assert.equal(isHealthy({ ...status(), tree: { problem } }), false);
  assert.equal(isHealthy({ ...status(), tree: {} }), true);
  assert.deepEqual(treeLines({ tree: {} }), []);
});

test('a refused configuration is a line with its first problem, and how to see the others', () => {
  const refused = { since: '2026-11-21T12:00:00.000Z', problems: ['f:3: dns: wrong', 'f:4: tftp: wrong'] };
  assert.deepEqual(refusedLines({ refused: { source: 'file', ...refused } }), [
    'BAD     the configuration file is refused since 2026-11-21T12:00:00.000Z; the last good one stays: f:3: dns: wrong (and 1 more); `rackboot check` says why',
  ]);
  assert.match(
    refusedLines({ refused: { source: 'store', ...refused } })[0] ?? '',
    /region's store.*config show` says why$/,
  );
  assert.deepEqual(refusedLines({ refused: undefined }), []);
});

test('a listener of the region that cannot be opened is reported, and the rack is unhealthy; a waiting network reports its own', () => {
  const fine = status();
  const region = fine.region && {
    ...fine.region,
    unopened: [
      { host: '10.20.0.1', text: 'at the network' },
      { host: '203.0.113.9', text: 'elsewhere' },
    ],
  };
  const unopened = (of: Parameters<typeof unopenedListeners>[0]) => unopenedListeners(of).map(({ text }) => text);
  assert.deepEqual(unopened({ ...fine, region }), ['at the network', 'elsewhere']);
  assert.equal(isHealthy({ ...fine, region }), false);
  const waits = { ...LAB, serving: false, reason: 'eth1 is down' };
  assert.deepEqual(unopened({ interfaces: [waits, FAR], region }), ['elsewhere']);
  assert.deepEqual(unopened(fine), []);
});
