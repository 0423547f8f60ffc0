// Waits until the racks know a machine's new state, and their bounds.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseIpv4 } from '../../../src/net/address.ts';
import { answerRack } from '../../../src/region/http/link.ts';
import { AWAY_AFTER_MS } from '../../../src/region/records/rack.ts';
import type { Region } from '../../../src/region/region.ts';
import { withRegion } from '../place.ts';
import { acceptRack, heartbeatOf, OTHER_UUID, rackInterface } from './rack-place.ts';

const ANYWHERE = { interfaces: [{}] };
const FAR = { interfaces: [{ address: parseIpv4('10.50.0.7') }] };

function hear(region: Region, applied: number, more: Parameters<typeof acceptRack>[1] = {}): void {
  const rack = region.racks.find(more.uuid ?? '') ?? acceptRack(region, more);
  const interfaces = more.interfaces ?? [rackInterface()];
  assert.equal(
    answerRack(region, rack, { kind: 'heartbeat', body: heartbeatOf({ applied, interfaces }) }).kind,
    'json',
  );
}

function greet(region: Region): void {
  region.racks.greet({
    uuid: OTHER_UUID,
    name: 'own',
    version: '0',
    interfaces: [],
    pinned: [],
    settingsRefused: undefined,
  });
}

test('racks that have not reported a version, or are away, are not waited for', () =>
  withRegion(({ region, clock }) => {
    const { acknowledgements } = region.racks;
    assert.deepEqual(acknowledgements.missing(ANYWHERE, 5), []);
    greet(region);
    acceptRack(region);
    assert.deepEqual(acknowledgements.missing(ANYWHERE, 5), []);
    acknowledgements.ownApplied(4);
    hear(region, 3);
    assert.deepEqual(acknowledgements.missing(ANYWHERE, 5), ['own', 'rack-2']);
    acknowledgements.ownApplied(5);
    assert.deepEqual(acknowledgements.missing(ANYWHERE, 5), ['rack-2']);
    clock.advance(AWAY_AFTER_MS + 1);
    assert.deepEqual(acknowledgements.missing(ANYWHERE, 5), []);
  }));

test('a machine seen in one rack’s network waits only for that rack', () =>
  withRegion(({ region }) => {
    const { acknowledgements } = region.racks;
    greet(region);
    acknowledgements.ownApplied(1);
    hear(region, 5);
    assert.deepEqual(acknowledgements.missing(FAR, 5), []);
    assert.deepEqual(acknowledgements.missing(ANYWHERE, 5), ['own']);
  }));

test('a wait ends when the rack reports the version, or at its bound', () =>
  withRegion(async ({ region, clock }) => {
    const { acknowledgements } = region.racks;
    greet(region);
    acknowledgements.ownApplied(4);
    assert.equal(await acknowledgements.settled(ANYWHERE, 4, 100), true);
    const reported = acknowledgements.settled(ANYWHERE, 5, 100);
    acknowledgements.ownApplied(5);
    assert.equal(await reported, true);
    const late = acknowledgements.settled(ANYWHERE, 6, 100);
    clock.advance(100);
    assert.equal(await late, false);
  }));
