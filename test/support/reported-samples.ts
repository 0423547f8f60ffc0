// An event of each kind with every field that its sentence may use, as a rack publishes it.

import { instant } from '../../src/clock.ts';
import type { RackEvent } from '../../src/event.ts';
import { ipv4, mac } from '../../src/net/address.ts';

/** By name; some kinds have a field of the same name and another type. */
const FIELDS = {
  ...{
    subnet: 'lab',
    interfaceName: 'eth1',
    interface: 'eth1',
    network: '10.20.0.0/24',
    networks: 'lab',
    ...{ home: 'hall-2', homeAddress: '10.50.0.9' },
  },
  ...{
    leaseSeconds: 600,
    renewal: true,
    client: 'bios',
    architecture: 7,
    file: 'lpxelinux.0',
    ...{
      loaderKey: '7',
      loaderClass: 'lab',
      quirk: 'plain-tftp',
      quirkArchitecture: 41,
      loopFile: 'ipxe.efi',
      loopLoads: 3,
    },
  },
  ...{
    fileServer: '10.20.0.7',
    hostname: 'web1',
    contradiction: 'option 93 7',
    hardwareType: 32,
    clientId: '0xff',
    classes: 'lab,fast',
    circuitId: 'ge-0/0/7',
    remoteId: '0x0001',
  },
  ...{
    relay: '10.30.0.1',
    wanted: '10.30.0.9',
    from: '10.20.0.9',
    waitedSeconds: 12,
    proxied: false,
    server: '10.20.0.2',
  },
  ...{ usedBy: '52:54:00:00:00:09', range: '10.20.0.100 to 10.20.0.199', used: 90, usable: 100, place: 'eth1' },
  ...{ reason: 'range-exhausted', imported: 3, offered: '10.20.0.55', evidence: 'probe', isBootOnly: true },
  ...{ port: 69, bytes: 44_000, milliseconds: 412, blockBytes: 1408, windowBlocks: 4, repeatedBlocks: 3, code: 3 },
  ...{ purpose: 'commissioning', status: 403, operation: 'signal', said: 'no such machine' },
  ...{
    name: 'web1.maas',
    winner: 'machine',
    winnerAddress: '10.20.0.10',
    winnerMac: '52:54:00:00:00:07',
    loser: 'lease',
    machine: 'web1',
    rack: 'rack-1',
    instead: 'ipxe.cfg',
    loads: 5,
  },
  ...{
    hint: 'no-loader',
    times: 4,
    blocks: 100,
    text: 'the firmware loads nothing',
    version: '1.2.3',
    startMs: 812,
    signal: 'SIGTERM',
  },
  ...{ replies: 1, transfers: 2, graceMs: 5000, cut: 1, byMs: -4000, tree: '/srv/boot', source: 'file', changes: 2 },
  ...{
    key: 'http_proxy',
    before: 'none',
    after: 'http://10.20.0.1:8000/',
    leases: 2,
    addresses: '10.20.0.9',
    keys: 'log',
  },
  ...{ problems: 'f:3: one\nf:4: two', command: 'rackboot racks accept rack-1', previous: '52:54:00:00:00:08' },
  ...{
    retryMs: 2000,
    url: 'http://10.20.0.1:5240/MAAS',
    page: 'http://10.20.0.1:5240/MAAS/',
    waiting: 7,
    since: '2026-11-20T11:02:03Z',
    awayMs: 61_000,
    refusedMs: 61_000,
  },
  ...{
    id: '0b5e',
    note: 'link-answers',
    setting: 'net.ipv4.ip_no_pmtu_disc=2',
    options: 'ntp-servers',
    ip: '10.20.0.1',
  },
  ...{ type: 'A', data: '10.20.0.300', field: 'op', offset: 0 },
  ...{ host: '52:54:00:00:00:09', why: 'too-slow', where: 'http://10.20.0.2/', system: 'linux', processor: 'riscv64' },
  ...{
    granted: 212_992,
    asked: 4_194_304,
    more: 2,
    table: 'lease_block',
    row: 42,
    isUndone: false,
    kept: '10.20.0.9',
    keptMore: 1,
  },
  ...{ lost: '10.20.0.10', lostMore: 0, until: '2026-12-01T00:00:00Z', racks: 'far', ownVersion: 1, otherVersion: 2 },
  ...{ column: 'status', key: 'id', value: '1' },
  ...{ fault: 'not-text', found: '5', max: 0, region: '10.20.0.1:5240', database: '/var/lib/rackboot/leases.db' },
  ...{ former: 'http://10.20.0.2:5240/MAAS', holder: 'hall-2', hasLeft: false },
  ...{ dropped: 1, what: 'post', peer: '10.20.0.9', missed: 2, room: 'dhcp', logLevel: 'debug', seconds: 60 },
};

/** The names of all fields. */
export type SampleField = keyof typeof FIELDS;

/** The same, for kinds that begin so. */
const OWN_FIELDS: readonly (readonly [kind: string, fields: object])[] = [
  ['region.desired-state', { version: 7 }],
  ['dhcp.', { source: 'own' }],
  ['daemon.leases-damaged', { note: 'leases-damaged' }],
  ['machine.', { status: 'Deployed' }],
];

/** @param more replaces fields */
export function reportedSample(kind: string, more: object = {}): RackEvent {
  const own = OWN_FIELDS.find(([of]) => kind.startsWith(of))?.[1];
  return { kind, at: instant(0), mac: mac(0x525400000001), address: ipv4(0x0a140064), ...FIELDS, ...own, ...more };
}
