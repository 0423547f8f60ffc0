// Waits until the racks know a machine's new state, and their bounds.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseIpv4 } from '../../../src/ground/address.ts';
import { answerRack } from '../../../src/region/http/link.ts';
import { AWAY_AFTER_MS } from '../../../src/region/records/rack.ts';
import type { Region } from '../../../src/region/region.ts';
import { withRegion } from '../place.ts';
import { acceptRack, heartbeatOf, OTHER_UUID, rackInterface } from './rack-place.ts';

const ANYWHERE = { interfaces: [{}] };
const FAR = { interfaces: [{ address: parseIpv4('10.50.0.7') }] };

async function hear(region: Region, applied: number, more: Parameters<typeof acceptRack>[1] = {}): Promise<void> {
  const rack = region.racks.find(more.uuid ?? '') ?? (await acceptRack(region, more));
  const interfaces = more.interfaces ?? [rackInterface()];
  assert.equal(
    (await answerRack(region, rack, { kind: 'heartbeat', body: heartbeatOf({ applied, interfaces }) })).kind,
    'json',
  );
}

async function greet(region: Region): Promise<void> {
  await region.racks.putOwn({
    uuid: OTHER_UUID,
    name: 'own',
    version: '0',
    interfaces: [],
    pinned: [],
    settingsRefused: undefined,
  });
}

test('racks that have not reported a version, or are away, are not waited for', () =>
  withRegion(async ({ region, clock }) => {
    const { acknowledgements } = region.racks;
    assert.deepEqual(acknowledgements.missing(ANYWHERE, 5), []);
    await greet(region);
    await acceptRack(region);
    assert.deepEqual(acknowledgements.missing(ANYWHERE, 5), []);
    acknowledgements.ownApplied(4);
    await hear(region, 3);
    assert.deepEqual(acknowledgements.missing(ANYWHERE, 5), ['own', 'rack-2']);
    acknowledgements.ownApplied(5);
    assert.deepEqual(acknowledgements.missing(ANYWHERE, 5), ['rack-2']);
    await clock.pass(AWAY_AFTER_MS + 1);
    assert.deepEqual(acknowledgements.missing(ANYWHERE, 5), []);
  }));

test('a machine seen in one rack’s network waits only for that rack', () =>
  withRegion(async ({ region }) => {
    const { acknowledgements } = region.racks;
    await greet(region);
    acknowledgements.ownApplied(1);
    await hear(region, 5);
    assert.deepEqual(acknowledgements.missing(FAR, 5), []);
    assert.deepEqual(acknowledgements.missing(ANYWHERE, 5), ['own']);
  }));

test('a wait ends when the rack reports the version, or at its bound', () =>
  withRegion(async ({ region, clock }) => {
    const { acknowledgements } = region.racks;
    await greet(region);
    acknowledgements.ownApplied(4);
    assert.equal(await acknowledgements.settled(ANYWHERE, 4, 100), true);
    const reported = acknowledgements.settled(ANYWHERE, 5, 100);
    acknowledgements.ownApplied(5);
    assert.equal(await reported, true);
    const late = acknowledgements.settled(ANYWHERE, 6, 100);
    await clock.pass(100);
    assert.equal(await late, false);
  }));
