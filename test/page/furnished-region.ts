// A region with something of everything in it, and the walk over all its pages: what one machine's pages show follows its state.

import assert from 'node:assert/strict';
import { openFileSources } from '../../src/config/image-sources.ts';
import type { SourceOffers } from '../../src/images/engine/asking.ts';
import { POWER_DRIVERS } from '../../src/power/drivers.ts';
import { answerRack } from '../../src/region/http/link.ts';
import { commandsFrom } from '../../src/region/life/commands.ts';
import type { ListedImage } from '../../src/region/life/deployment.ts';
import { MACHINE_ACTIONS } from '../../src/region/page/machines/machine-actions.ts';
import { IMPORT_STATES, type ImportProgress, type ImportRun } from '../../src/region/records/boot-store.ts';
import { parseHardwareFacts } from '../../src/region/records/hardware-facts.ts';
import type { ImportReason } from '../../src/region/records/import-reason.ts';
import { STATUSES } from '../../src/region/records/lifecycle.ts';
import { NO_MARKS } from '../../src/region/records/script-store.ts';
import { heldPower } from '../region/life/held-power.ts';
import { type LiveRegion, startRegion } from '../region/live.ts';
import { bootReports, GOOD_BOOT, STALLED_BOOT } from '../region/page/boot-reports.ts';
import { report } from '../region/place.ts';
import {
  acceptRack,
  heartbeatOf,
  OTHER_UUID,
  RACK_UUID,
  rackInterface,
  register,
  registration,
} from '../region/racks/rack-place.ts';

const STALLED: ImportReason = {
  code: 'download',
  params: { fault: { code: 'stalled', params: { host: 'images.a-site-of-a-long-name.example.net', seconds: 30 } } },
};

const IMAGE: ListedImage = {
  os: 'debian',
  release: 'bookworm',
  architecture: 'amd64',
  subarchitecture: 'generic',
  label: 'release',
  serial: '20260101',
  title: 'A stand-in of the lab for Debian 12: 64 MiB of zeroes',
  bytes: 67_108_864,
  sha256: '',
  diskBytes: 67_108_864,
};

/** Some sources offer many images of long names, and others cannot be read. */
const offersOf = (source: string): SourceOffers => ({
  images: ['debian', 'ubuntu'].includes(source)
    ? ['amd64', 'arm64', 'ppc64el'].flatMap((architecture) =>
        ['a-release-of-a-long-name-with-a-kernel', 'noble'].map((release) => ({
          kind: 'image' as const,
          os: source,
          release,
          architecture,
          title: 'A title of an image, which is long enough for two lines',
          aliases: [],
          day: '2026-11-18',
          bytes: 641_728_512,
          supportEnds: undefined,
        })),
      )
    : [],
  problems: source === 'rocky' ? [`https://images.example/${'pub/'.repeat(30)}CHECKSUM: no answer within 5 s`] : [],
});

const nameOf = (path: string) =>
  path
    .replace(/^\/MAAS\//, '')
    .replaceAll(/[^\w-]+/g, '-')
    .replace(/-$/, '') || 'machines';

/** Where there is a region to furnish. */
type RegionAt = Pick<LiveRegion, 'region'>;

/** Enlists a machine with several disks. @returns its system id */
async function enlist({ region }: RegionAt) {
  const disks = Array.from({ length: 3 }, (_, index) => ({
    name: `sd${'abc'.charAt(index)}`,
    bytes: 8e12,
    model: 'Ultrastar DC HC320, simulated',
  }));
  const facts = parseHardwareFacts(
    JSON.stringify({ cpu: { count: 16, model: 'A processor' }, memory_mib: 65_536, disks }),
  );
  const outcome = await region.enlist(
    report([0x525400000001], {
      hostname: 'storage-1',
      powerType: 'webhook',
      username: 'admin',
      ...(facts.kind === 'value' ? { facts: facts.value } : {}),
    }),
  );
  assert.ok(outcome.kind === 'create');
  return outcome.machine.systemId;
}

/** Fills the lists of the pages: tags, scripts, a key, accounts. */
async function fill({ region }: RegionAt) {
  const { store, clock } = region;
  const atMs = clock.wallTimeMs();
  const event = { type: 'AUTHORISATION', code: 'rack', params: { text: 'made' }, atMs, username: 'admin' } as const;
  for (const name of ['gpu', 'a-tag-of-a-name-that-is-as-long-as-a-tag-may-be-which-is-64-long'])
    await store.life.addTag(
      { name, comment: 'has graphics cards', kernelParams: 'console=ttyS1,115200 quiet' },
      100,
      event,
    );
  const script = {
    name: 'burn-in',
    kind: 'testing',
    title: 'Burn in',
    description: 'heats it up for an hour',
  } as const;
  const more = {
    ...NO_MARKS,
    tags: ['heat', 'a-tag-of-a-script-that-is-as-long-as-a-tag-may-be-which-is-64-abc'],
    timeoutSeconds: 3600,
    position: 50,
    changedMs: atMs,
    content: '#!/bin/sh\nstress\n',
  };
  await store.scripts.addScript({ ...script, ...more }, 100, event);
  for (const [username, isAdmin] of [
    ['alice.of.the.long.name@hall.example.net', false],
    ['bert', true],
  ] as const)
    await store.accounts.addUser({
      username,
      email: 'somebody@example.net',
      passwordHash: 'x',
      isAdmin,
      createdMs: atMs,
    });
  const key = `ssh-ed25519 ${Buffer.alloc(51, 7).toString('base64')} admin@a-laptop-of-a-long-name.example.net`;
  await store.life.addSshKey({ username: 'admin', key, createdMs: atMs }, 10, event);
}

/** The id of the subnet of the rack's cluster interface. */
const LAB_SUBNET = 0x0a140000;

/** A rack that serves a network, with a lease, a reservation, a heard host and another DHCP server in it. */
async function fillNetworks({ region }: RegionAt) {
  const lab = { ...rackInterface('10.20.0.0/24'), name: 'lab', foreign_dhcp_ip: '10.20.0.9' };
  const addresses = [{ interface: 'eth4', address: '172.16.9.1/24' }];
  await region.racks.putOwn({
    name: 'rack-1',
    version: '0.1.0',
    interfaces: [lab],
    pinned: [],
    uuid: OTHER_UUID,
    addresses,
  });
  const hosts = [{ mac: '52:54:00:00:00:78', ip: '10.20.0.12', hostname: 'printer' }];
  const ends = { ip_range_low: lab.ip_range_low, ip_range_high: lab.ip_range_high, router_ip: '10.20.0.254' };
  const value = { interface: 'eth1', ip: lab.ip, network: lab.network, management: 2, ...ends, hosts };
  const edit = { key: 'cluster_interfaces.lab', value };
  assert.equal(await region.settings.change(OTHER_UUID, [edit], 'admin'), undefined);
  const heard = { at: region.clock.wallTimeMs(), text: '' };
  const hostname = 'a-laptop-of-a-name-that-is-as-long-as-a-label-may-be-which-is-63';
  await region.observe([
    {
      ...heard,
      sequence: 1,
      kind: 'dhcp.ack',
      mac: '52:54:00:00:00:77',
      address: '10.20.0.120',
      params: { leaseSeconds: 600, hostname },
    },
    {
      ...heard,
      sequence: 2,
      kind: 'net.neighbour-new',
      mac: '52:54:00:00:00:79',
      address: '10.20.0.230',
      params: { interface: 'eth1' },
    },
  ]);
}

/** Fills the page of images with an import in every state, and sources with selections. */
async function fillImages({ region }: RegionAt) {
  const { store, clock } = region;
  const nowMs = clock.wallTimeMs();
  const event = { type: 'IMAGES', code: 'rack', params: { text: 'made' }, atMs: nowMs, username: 'admin' } as const;
  const url = 'https://images.a-site-of-a-long-name.example.net/ephemeral-v3/stable/';
  const keys = { keyringFilename: '', keyring: Buffer.alloc(1200, 1), updatedMs: nowMs };
  const added = await store.boot.addSource({ url, ...keys }, event);
  assert.ok(typeof added === 'object');
  const all = { subarches: ['*'], labels: ['*'] };
  for (const release of ['noble', 'jammy', 'focal'])
    await store.boot.addSelection(added.id, { os: 'ubuntu', release, arches: ['amd64', 'arm64'], ...all }, event);
  const base = { source: url, serial: '20261015', title: 'Ubuntu Server 24.04 LTS (Noble Numbat)', total: 612_345_678 };
  const progress = new Map<string, ImportProgress>();
  for (const state of IMPORT_STATES) {
    const isMoving = state === 'downloading' || state === 'verifying';
    progress.set(`ubuntu/${state}/amd64/generic/${state === 'done' ? 'daily' : 'release'}`, {
      ...base,
      state,
      bytes: state === 'queued' ? 0 : state === 'done' ? base.total : 312_345_678,
      ...(isMoving ? { bytesPerSecond: 23_456_789 } : {}),
      ...(state === 'waiting' ? { nextMs: nowMs + 25_000 } : {}),
      ...(state === 'waiting' || state === 'failed' ? { reason: STALLED } : {}),
    });
  }
  await store.boot.noteProgress(progress, nowMs);
  const skipped = [
    { name: 'ubuntu/focal', reason: { code: 'not-offered', params: { source: url, arches: ['amd64', 'arm64'] } } },
    { name: 'ubuntu/done/amd64/generic/daily', reason: { code: 'present', params: { serial: '20261015' } } },
  ] satisfies ImportRun['skipped'];
  await store.boot.changeRun({ begunMs: nowMs, endedMs: nowMs - 1, skipped, skippedMore: 3 });
}

/** Racks: one in this process, one that is heard and measures, one that waits with a network of the other. */
async function fillRacks({ region }: RegionAt) {
  const interfaces = [rackInterface('10.20.0.0/24')];
  await region.racks.putOwn({ uuid: OTHER_UUID, name: 'rack-1', version: '0.1.0', interfaces, pinned: [] });
  const rack = await acceptRack(region);
  const counts = { leases: 5, tftpBytes: 5, httpBytes: 5, dnsQueries: 5 };
  const endpoints = ['10.50.0.1:5248', '127.0.0.1:80'];
  const listening = { dhcp: ['an-interface-of-a-long-name:67'], tftp: endpoints, http: endpoints, dns: [] };
  const measures = { startedMs: 1, counts, taken: 91, usable: 100, listening };
  const beat = await answerRack(region, rack, { kind: 'heartbeat', body: heartbeatOf({ measures }) });
  assert.equal(beat.kind, 'json');
  const key = { kind: 'own', token: 'token-of-rack-9', secretDigest: 'a'.repeat(64) } as const;
  const uuid = '11111111-2222-4333-8444-555555555509';
  await register(
    region,
    registration({ uuid, name: 'a-rack-of-a-name-that-is-as-long-as-a-name-may-be-which-is-63-a', key }),
  );
}

/** The pages that do not follow the state of a machine, below `/MAAS/`. */
const PATHS: readonly string[] = [
  '',
  'machines/',
  'events/',
  'events/?kind=SETTINGS&q=nothing&machine=a-machine-of-a-long-name.example.net',
  'first-run/',
  'first-run/name/',
  'first-run/upstream/',
  'first-run/archives/',
  'first-run/proxy/',
  'first-run/key/',
  'first-run/images/',
  'first-run/dhcp/',
  'racks/',
  'health/',
  `racks/${OTHER_UUID}/`,
  `racks/${RACK_UUID}/`,
  `racks/${RACK_UUID}/edit/`,
  'racks/a-rack-of-a-name-that-is-as-long-as-a-name-may-be-which-is-63-a/',
  'racks/a-rack-of-a-name-that-is-as-long-as-a-name-may-be-which-is-63-a/do/accept/',
  'images/',
  'images/1/',
  'images/5/',
  'images/choose/',
  'images/upload/',
  'images/sources/',
  'images/sources/1/',
  'images/sources/2/',
  'tags/',
  'scripts/',
  'settings/',
  'people/',
  'zones/',
  'zones/default/',
  'pools/',
  'pools/0/',
  'dns/',
  'dns/0/',
  'dns/0/?from=machines',
  'dns/0/add/',
  'networks/',
  'networks/subnets/',
  `networks/subnets/${LAB_SUBNET}/`,
  `networks/subnets/${LAB_SUBNET}/edit/`,
  `networks/subnets/${LAB_SUBNET}/reserve/`,
  'networks/ranges/',
  'networks/fabrics/',
  'networks/fabrics/0/',
  'networks/spaces/',
  'networks/routes/',
  'networks/vlans/',
  'networks/vlans/5001/',
  'networks/neighbours/',
  'networks/interfaces/',
  'networks/interfaces/add/',
  `networks/interfaces/add/?rack=${OTHER_UUID}`,
  `networks/interfaces/${OTHER_UUID}/lab/`,
  'account/',
  'tags/gpu/',
  'scripts/burn-in/',
];

/** The pages of one machine, below its own. */
const MACHINE_PATHS: readonly string[] = [
  'boot',
  'hardware',
  'network',
  'storage',
  'layout/bond',
  'layout/lay-out',
  'layout/raid',
  'scripts',
  'preseed',
  'preseed/?purpose=vendordata',
  'events',
  'events/?level=all',
  'edit',
  'debug-login',
  'power',
  'power/off',
  'power/cycle',
  'power/query',
  'power/?driver=ipmi',
];

/** A page of the walk. */
interface WalkedPage {
  readonly path: string;
  /** The name of its pictures. */
  readonly name: string;
}

/** The configuration and the parts of a region that `furnish` fills. */
export const FURNISHED = {
  config: { ownRack: { uuid: OTHER_UUID, name: 'rack-1', file: '/etc/rackboot/rackboot.yaml', values: {} } },
  parts: {
    power: {
      ...heldPower(),
      drivers: POWER_DRIVERS,
      reading: () => ({ state: 'off', atMs: 0, ageSeconds: 5 }) as const,
    },
    listImages: async () => [IMAGE],
    fileSources: openFileSources(undefined),
    askOffers: async ({ name }: { readonly name: string }) => offersOf(name),
    freeBytes: async () => 2 ** 35,
  },
};

/** Puts something of everything into a region. @returns the system id of its machine */
export async function furnish(place: RegionAt): Promise<string> {
  const systemId = await enlist(place);
  await fill(place);
  await fillImages(place);
  await fillRacks(place);
  await fillNetworks(place);
  return systemId;
}

/** A region with something of everything, and the system id of its machine. */
export async function startFurnishedRegion(): Promise<LiveRegion & { readonly systemId: string }> {
  const live = await startRegion(FURNISHED.config, FURNISHED.parts);
  return { ...live, systemId: await furnish(live) };
}

/** Every page, each in the states in which it differs: between two pages, the region changes. */
export async function* walkPages({
  region,
  systemId,
}: RegionAt & { readonly systemId: string }): AsyncGenerator<WalkedPage> {
  for (const path of PATHS) yield { path: `/MAAS/${path}`, name: nameOf(path) };
  yield { path: '/MAAS/machines/many/?which=all&action=lock&query=', name: 'many' };
  yield { path: '/MAAS/machines/?kind=devices', name: 'devices' };
  yield {
    path: '/MAAS/machines/?status=failed-exiting-rescue-mode&owner=somebody-of-a-long-name',
    name: 'machines-narrowed',
  };
  const own = `/MAAS/machines/${systemId}/`;
  for (const { status } of STATUSES) {
    await region.store.changeMachine<never>(systemId, region.clock.wallTimeMs(), () => ({
      kind: 'change',
      fields: {
        status,
        statusReason: { code: 'said', params: { text: 'a remark about it' } } as const,
        ...(status === 'deployed' ? { owner: 'admin' } : {}),
      },
      events: [],
    }));
    yield { path: own, name: `machine-${status}` };
  }
  const nowMs = region.clock.wallTimeMs();
  await region.observe(bootReports(GOOD_BOOT, nowMs - 7_200_000, 1, '52:54:00:00:00:01'));
  await region.observe(bootReports(STALLED_BOOT, nowMs - 600_000, 100, '52:54:00:00:00:01'));
  for (const path of MACHINE_PATHS)
    yield { path: `${own}${path}${path.includes('?') ? '' : '/'}`, name: `machine-${nameOf(path)}` };
  for (const { name, command } of MACHINE_ACTIONS.filter(({ where }) => where !== undefined)) {
    const status =
      STATUSES.find((row) => command === undefined || commandsFrom(row.status).includes(command))?.status ??
      assert.fail(name);
    await region.store.changeMachine<never>(systemId, region.clock.wallTimeMs(), () => ({
      kind: 'change',
      fields: { status, owner: undefined },
      events: [],
    }));
    yield { path: `${own}do/${name}/`, name: `do-${name}` };
  }
}
