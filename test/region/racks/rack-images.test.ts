// Racks' reported images are checked, stored, and selected for a machine by the racks that boot it.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseIpv4, parseMac } from '../../../src/ground/address.ts';
import { answerLink } from '../../../src/region/http/link.ts';
import { imagesForMachine } from '../../../src/region/racks/rack-images.ts';
import { parseRackImages } from '../../../src/region/records/heartbeat.ts';
import { RACK_IMAGES_MAX } from '../../../src/region/records/heartbeat-bounds.ts';
import type { Machine } from '../../../src/region/records/machine.ts';
import { AWAY_AFTER_MS, type Rack, type RackImage } from '../../../src/region/records/rack.ts';
import type { RegionStore } from '../../../src/region/records/store.ts';
import { openRegion, type Region } from '../../../src/region/region.ts';
import { withRegion } from '../place.ts';
import { acceptRack, heartbeatOf, RACK_UUID, rackAuthorization, rackInterface, registration } from './rack-place.ts';

const NOW = 1_700_000_000_000;

function image(more: Partial<RackImage> = {}, digit = 'a'): RackImage {
  const sha256 = digit.repeat(64);
  return {
    os: 'debian',
    release: 'bookworm',
    architecture: 'amd64',
    subarchitecture: 'generic',
    label: 'release',
    serial: '20260101',
    path: `/images/${digit}${digit}/${sha256}.img.zst`,
    sha256,
    format: 'raw.zst',
    bytes: 1000,
    diskBytes: 4096,
    ...more,
  };
}

const startFile = (path: string, digit = 'c') => ({ path, sha256: digit.repeat(64) });

const odd: readonly (readonly [string, unknown])[] = [
  ['no object', 'debian'],
  ['a path outside of the store', image({ path: '/etc/passwd' })],
  ['a path of other bytes', image({ path: `/images/bb/${'b'.repeat(64)}.img` })],
  ['a name with a line break', image({ release: 'bookworm\njob=erase' })],
  ['an invalid size', { ...image(), bytes: -1 }],
  ['a format that nobody knows', { ...image(), format: 'qcow2' }],
  [
    'a kernel outside of the store',
    {
      ...image(),
      starts: { kernel: startFile('/etc/passwd'), initrd: startFile(`/images/cc/${'c'.repeat(64)}.file`) },
    },
  ],
  ['no serial', { ...image(), serial: undefined }],
];
for (const [name, entry] of odd) {
  test(`an image with ${name} does not count, and the others do`, () => {
    assert.deepEqual(parseRackImages([entry, image()]), [image()]);
  });
}

test('the root of a system counts, with the files that start it', () => {
  const place = (digit: string) => startFile(`/images/${digit}${digit}/${digit.repeat(64)}.file`, digit);
  const starts = { kernel: place('c'), initrd: place('d') };
  const root = image({ path: `/images/aa/${'a'.repeat(64)}.squashfs`, format: 'squashfs', starts });
  assert.deepEqual(parseRackImages([root]), [root]);
});

test('of too many images the first count', () => {
  assert.equal(parseRackImages(Array.from({ length: 300 }, () => image())).length, RACK_IMAGES_MAX);
});

function rack(uuid: string, network: string, more: Partial<Rack> = {}): Rack {
  const { key: _key, ...said } = registration({ uuid, interfaces: [rackInterface(network)] });
  return {
    ...said,
    state: 'accepted',
    isEmbedded: false,
    registeredMs: NOW,
    stateSinceMs: NOW,
    seenMs: NOW,
    agreed: [],
    disputed: [],
    refused: [],
    ...more,
  };
}

type Seen = Pick<Machine, 'interfaces' | 'addresses'>;
const seenAt = (text: string): Seen => {
  const mac = parseMac('52:54:00:00:00:31');
  const address = parseIpv4(text);
  assert.ok(mac !== undefined);
  return { interfaces: [{ id: 1, name: 'eth0', mac, address, source: 'vouched' }], addresses: [] };
};
const here = rack('here', '10.20.0.0/24', { isEmbedded: true });
const far = rack('far', '10.50.0.0/24');
const twin = rack('twin', '10.50.0.0/24');
const gone = rack('gone', '10.50.0.0/24', { seenMs: NOW - AWAY_AFTER_MS - 1 });
const stranger = rack('stranger', '10.50.0.0/24', { state: 'pending' });
const claimant = rack('stranger', '10.0.0.0/8', { disputed: ['10.0.0.0/8'] });
const A = image();
const B = image({ release: 'trixie' }, 'b');

const choices: readonly (readonly [string, Seen, readonly Rack[], readonly RackImage[] | undefined])[] = [
  ['a machine of this host is given what this host has', seenAt('10.20.0.7'), [here, far], undefined],
  ['a machine of a remote rack is given what that rack has', seenAt('10.50.0.7'), [here, far], [A, B]],
  ['a machine of two racks is given what both have', seenAt('10.50.0.7'), [here, far, twin], [A]],
  ['a rack that is away is not asked', seenAt('10.50.0.7'), [far, gone], [A, B]],
  ['racks that are all away are believed what they told', seenAt('10.50.0.7'), [gone], []],
  ['a rack that is not believed the network has no say', seenAt('10.50.0.7'), [claimant, far], [A, B]],
  ['a rack that is not accepted is believed nothing', seenAt('10.50.0.7'), [far, stranger], [A, B]],
  ['a machine that was seen nowhere is given what every rack has', { interfaces: [], addresses: [] }, [far, twin], [A]],
  ['a region without racks has what this host has', seenAt('10.50.0.7'), [], undefined],
];
for (const [name, seen, racks, expected] of choices) {
  test(name, () => {
    const images = new Map([
      ['far', [A, B]],
      ['twin', [A]],
      ['stranger', [B]],
    ]);
    assert.deepEqual(imagesForMachine(seen, { racks, images, nowMs: NOW }), expected);
  });
}

test('a machine of two racks is given only the kernels that both have, although they start the same root', () => {
  const kernelOf = (digit: string, subarch: string): RackImage => {
    const file = startFile(`/images/${digit}${digit}/${digit.repeat(64)}.file`, digit);
    const starts = { kernel: file, initrd: file };
    return image({ path: `/images/aa/${'a'.repeat(64)}.squashfs`, format: 'squashfs', starts, system: { subarch } });
  };
  const [usual, newer] = [kernelOf('c', 'ga-24.04'), kernelOf('d', 'hwe-24.04')];
  assert.deepEqual(parseRackImages([usual, newer]), [usual, newer]);
  const images = new Map([
    ['far', [usual, newer]],
    ['twin', [usual]],
  ]);
  assert.deepEqual(imagesForMachine(seenAt('10.50.0.7'), { racks: [far, twin], images, nowMs: NOW }), [usual]);
});

const imagesOf = async ({ racks }: Region): Promise<readonly RackImage[]> =>
  (await racks.images()).get(RACK_UUID) ?? [];
const storedImages = async ({ racks }: RegionStore): Promise<readonly RackImage[]> =>
  (await racks.images([RACK_UUID])).get(RACK_UUID) ?? [];

test('images from a heartbeat survive a restart of the region, until the next report or the rack’s removal', () =>
  withRegion(async ({ region, store, clock, config }) => {
    await acceptRack(region);
    const beat = async (more: object): Promise<unknown> =>
      (await answerLink(region, RACK_UUID, rackAuthorization(), { kind: 'heartbeat', body: heartbeatOf(more) })).kind;
    assert.equal(await beat({ images: [image(), { os: 'odd' }] }), 'json');
    assert.equal(await beat({}), 'json', 'a rack of another version tells none');
    assert.deepEqual(await imagesOf(region), [image()]);
    const again = await openRegion({ config, store, clock, onDesiredState: () => {} });
    assert.deepEqual(await imagesOf(again), [image()]);
    again.close();
    assert.equal(await beat({ images: [] }), 'json');
    assert.deepEqual(await imagesOf(region), []);
    assert.equal(await beat({ images: [image()] }), 'json');
    await region.racks.judge([RACK_UUID], 'remove', 'admin');
    assert.deepEqual([await imagesOf(region), await storedImages(store)], [[], []]);
    await store.racks.putImages(RACK_UUID, [image()]);
    assert.deepEqual(await storedImages(store), [], 'nobody keeps images for a rack that is unknown');
  }));

test('a rack’s data is dropped with it, by whichever way it is removed', () =>
  withRegion(async ({ region, store }) => {
    await acceptRack(region);
    const body = heartbeatOf({ images: [image()] });
    await answerLink(region, RACK_UUID, rackAuthorization(), { kind: 'heartbeat', body });
    assert.deepEqual(await imagesOf(region), [image()]);
    await store.racks.change(() => ({ put: [], remove: [RACK_UUID], events: [], result: undefined }));
    await region.racks.refresh();
    assert.equal(region.racks.find(RACK_UUID), undefined);
    assert.deepEqual(await imagesOf(region), []);
    assert.deepEqual(await storedImages(store), []);
  }));
