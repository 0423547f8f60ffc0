// What is wrong with a running rack, as status, the doctor and the page of health tell it.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type JudgedStatus, judgeStatus } from '../../../src/daemon/answers/findings.ts';
import type { InterfaceState } from '../../../src/daemon/rack/interface-states.ts';

const LAB: InterfaceState = {
  name: 'lab',
  interface: 'eth1',
  network: '10.20.0.0/24',
  mode: 'proxy',
  serving: true,
  reason: '',
};
const FAR: InterfaceState = { ...LAB, name: 'far', interface: 'eth2', network: '10.30.0.0/24', mode: 'server' };
const DOWN: InterfaceState = {
  ...LAB,
  serving: false,
  reason: 'eth1 is down',
  waits: { note: 'interface-down', interface: 'eth1' },
};
const NOTHING = { problems: [], foreign: [], ranges: [] };
const WELL: JudgedStatus = {
  interfaces: [LAB, FAR],
  dhcp: NOTHING,
  tree: {},
  region: { state: 'up', eventsDropped: 0 },
  journal: { available: true },
  restartKeys: [],
  metricsProblems: [],
  noted: [],
};
const LINK = {
  state: 'away',
  addresses: [],
  since: 0,
  text: 'the connection was refused',
  lastContact: undefined,
  lastHeartbeat: undefined,
  heartbeatMs: undefined,
  regionVersion: '',
  waiting: 0,
  dropped: 0,
  deadLetters: 0,
  outboxProblem: '',
} as const;
const SINCE = '2026-11-21T12:00:00.000Z';
const TEXT = 'port 67 is in use by another program';
const closed = (name: string, waitedFor = false) => ({ ...NOTHING, problems: [{ name, text: TEXT, waitedFor }] });
const RANGE = { network: 'lab', low: '10.20.0.100', high: '10.20.0.109', usable: 10, used: 9, offered: 0, declined: 0 };
const range = (level: 'full' | 'filling') => ({ ...NOTHING, ranges: [{ ...RANGE, level }] });
const region = (values: Partial<NonNullable<JudgedStatus['region']>>): Partial<JudgedStatus> => ({
  region: { state: 'up', eventsDropped: 0, ...values },
});
const UNOPENED = [
  { host: '10.20.0.1', text: 'at the network' },
  { host: '203.0.113.9', text: 'elsewhere' },
];

/** Name, what differs from a rack that is well, and the findings: a problem begins with `!`. */
const CASES: readonly (readonly [name: string, differs: Partial<JudgedStatus>, found: readonly RegExp[]])[] = [
  ['a rack that is well', {}, []],
  ['a port that waits for its interface', { dhcp: closed('eth1', true) }, []],
  ['a closed port of an interface', { dhcp: closed('eth1') }, [/^!network lab: DHCP cannot listen on eth1: port 67/]],
  ['a closed port of an address', { dhcp: closed('10.20.0.1') }, [/^!network lab: .* on 10\.20\.0\.1: port 67/]],
  ['a closed port of no network', { dhcp: closed('10.9.9.9') }, [/^!DHCP on 10\.9\.9\.9: port 67/]],
  [
    'a network that waits, whose port and listener are closed, too',
    { interfaces: [DOWN, FAR], dhcp: closed('eth1'), ...region({ unopened: UNOPENED }) },
    [/^!network lab: waits: eth1 is down/, /^!region listener: elsewhere/],
  ],
  ['listeners of the region', region({ unopened: UNOPENED }), [/at the network/, /elsewhere/]],
  ['a full range', { dhcp: range('full') }, [/^!range of lab: 9 of 10/]],
  ['a range that fills', { dhcp: range('filling') }, [/^range of lab: 9 of 10/]],
  ['a full disk', { diskProblem: 'is full', journal: { available: false } }, [/^!disk: is full/]],
  ['leases that wait', { journal: { available: false } }, [/^!leases: .*too many wait for the disk/]],
  ['no network', { unserved: 'serves no network' }, [/^!networks: this rack serves no network/]],
  [
    'an unreadable boot tree',
    { tree: { problem: { reason: 'is a file', since: SINCE } } },
    [/^!boot tree: is a file \(since 2026-11-21T12:00:00\.000Z; the rack rereads it/],
  ],
  ['a region that ended', region({ state: 'waiting', problem: 'no memory' }), [/^!region: is not running: no memory/]],
  ['a region apart without its store', region({ state: 'away', problem: 'no database' }), [/^!region: no database$/]],
  ['a region that starts', region({ state: 'starting' }), [/^!region: is not up: starting/]],
  ['a region that is away', region({ state: 'away', link: LINK }), [/^!region: does not serve .*was refused/]],
  [
    'a rack that is not accepted',
    region({ state: 'pending', link: { ...LINK, text: '' } }),
    [/^!region: this rack is not accepted yet: .*rackboot racks/],
  ],
  [
    'one address of two',
    region({
      link: {
        ...LINK,
        addresses: [
          { url: 'http://a', isInUse: true },
          { url: 'http://b', isInUse: false, failure: { text: 'b is silent', sinceMs: 0 } },
        ],
      },
    }),
    [/^region address: b is silent \(for 1 min/],
  ],
  [
    'events that the region will not have',
    region({ eventsDropped: 2, link: { ...LINK, deadLetters: 1 } }),
    [/^events: 2 events .*dropped/, /^events: .*refused 1 event for good/],
  ],
  [
    'a refused file',
    { refused: { source: 'file', since: SINCE, problems: ['f:3: dns: wrong', 'f:4: tftp: wrong'] } },
    [/^!configuration: the configuration file is refused .*f:3: dns: wrong \(and 1 more\); `rackboot check`/],
  ],
  [
    'a refused configuration of the store',
    { refused: { source: 'store', since: SINCE, problems: ['dns: wrong'] } },
    [/^!configuration: .* region's store .*dns: wrong; `rackboot config show`/],
  ],
  ['keys that wait for a restart', { restartKeys: ['region.store'] }, [/^configuration: .*: region\.store$/]],
  ['metrics', { metricsProblems: ['the port is taken'] }, [/^metrics: .*the port is taken$/]],
  [
    'notes, of which one is a problem',
    {
      noted: [
        { note: 'leases-restored', text: 'are from a copy' },
        { note: 'leases-lost', text: 'are gone' },
      ],
    },
    [/^!leases: are gone$/, /^leases-restored: are from a copy$/],
  ],
  [
    'another DHCP server',
    {
      dhcp: {
        ...NOTHING,
        foreign: [
          {
            address: '10.20.0.9',
            mac: '52:54:00:00:00:09',
            network: 'lab',
            interface: 'eth1',
            evidence: 'probe',
            offered: '10.20.0.50',
            leaseSeconds: 7200,
            file: undefined,
            bootOnly: false,
            firstSeen: '1970-01-01T00:00:10Z',
            lastSeen: '1970-01-01T00:00:30Z',
          },
        ],
      },
    },
    [
      /^network lab: another DHCP server on eth1: 10\.20\.0\.9 \(52:54.*it offers 10\.20\.0\.50 for 2 h 0 min, seen 30 s ago/,
    ],
  ],
];

for (const [name, differs, wanted] of CASES)
  test(`${name}: ${wanted.length === 0 ? 'nothing is found' : 'is found once'}`, () => {
    const found = judgeStatus({ ...WELL, ...differs }, 60_000, '/var/lib/rackboot');
    const lines = found.map(({ check, text, isNote }) => `${isNote ? '' : '!'}${check}: ${text}`);
    assert.equal(lines.length, wanted.length, lines.join('\n'));
    for (const [index, line] of lines.entries()) assert.match(line, wanted[index] ?? /$^/);
  });

test('what fails because of another thing has its cause', () => {
  const found = judgeStatus(
    { ...WELL, interfaces: [DOWN], tree: { problem: { reason: 'gone', since: SINCE } } },
    0,
    '/s',
  );
  assert.deepEqual(
    found.map(({ cause }) => cause),
    ['interface eth1/eth1 is down', 'tree'],
  );
});
