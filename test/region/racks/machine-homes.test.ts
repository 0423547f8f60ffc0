// An accepted rack that repeats its reports costs the region's event log little.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ipv4 } from '../../../src/ground/address.ts';
import { ELSEWHERE_REPORTED_MAX, MachineHomes } from '../../../src/region/racks/machine-homes.ts';
import { DISPUTES_IN_TOTAL, DISPUTES_PER_RACK } from '../../../src/region/racks/racks.ts';
import type { Rack } from '../../../src/region/records/rack.ts';
import type { MachineSign } from '../../../src/region/records/rack-store.ts';
import type { EventOf } from '../../../src/region/records/store.ts';
import { sentenceOf } from '../../support/sentences.ts';
import { VirtualClock } from '../../support/virtual-clock.ts';
import { withRegion } from '../place.ts';
import { acceptRack, hearRack, OTHER_UUID, RACK_UUID, rackInterface } from './rack-place.ts';

test('beyond the remembered pairs of machine and rack the oldest is logged again, the others once an hour', () =>
  withRegion(async ({ region }) => {
    const far = await acceptRack(region);
    const own: Rack = { ...far, uuid: OTHER_UUID, name: 'lab', isEmbedded: true };
    const racks = {
      list: () => [far, own],
      find: (uuid: string) => [far, own].find((rack) => rack.uuid === uuid),
      isHome: (rack: Rack) => rack.isEmbedded,
    };
    const reported: string[] = [];
    const store = {
      racks: {
        findHomes: async (signs: readonly MachineSign[]) =>
          signs.map(({ mac = 0 }) => ({ systemId: `m${mac}`, hostname: 'x', home: ipv4(0x0a140009) })),
      },
      highestSequence: async () => -1,
      recordEvents: async (events: readonly EventOf[]) => void reported.push(...events.map(({ systemId }) => systemId)),
      changeMachine: () => assert.fail('nothing is changed'),
      changeMachines: async (systemIds: readonly string[]) => {
        assert.deepEqual(systemIds, []);
        return [];
      },
      afterCommit: async (effect: () => void | Promise<void>) => effect(),
    };
    const homes = new MachineHomes(racks, store, new VirtualClock());
    const say = async (index: number): Promise<void> => {
      const mac = index
        .toString(16)
        .padStart(12, '0')
        .replace(/..(?!$)/g, '$&:');
      await homes.weigh([{ sequence: index, kind: 'dhcp.ack', at: 1, mac, text: '' }], 'source', RACK_UUID);
    };
    for (let index = 1; index <= ELSEWHERE_REPORTED_MAX + 1; index += 1) await say(index);
    assert.equal(reported.length, ELSEWHERE_REPORTED_MAX + 1);
    await say(ELSEWHERE_REPORTED_MAX);
    assert.equal(reported.length, ELSEWHERE_REPORTED_MAX + 1, 'remembered');
    await say(1);
    assert.equal(reported.length, ELSEWHERE_REPORTED_MAX + 2, 'forgotten');
  }));

test('of all racks together DISPUTES_IN_TOTAL such changes are logged at once', () =>
  withRegion(async ({ region, store, clock }) => {
    const own = { name: 'lab', version: '0.1.0', interfaces: [rackInterface('10.20.0.0/24')], pinned: [] };
    await region.racks.putOwn({ ...own, uuid: OTHER_UUID });
    const racks = Math.ceil(DISPUTES_IN_TOTAL.burst / DISPUTES_PER_RACK.burst) + 1;
    for (let index = 0; index < racks; index += 1) {
      const uuid = `11111111-2222-4333-8444-${String(index).padStart(12, '0')}`;
      const key = { kind: 'own', token: `token-${index}`, secretDigest: '0'.repeat(64) } as const;
      await clock.leap(600_000);
      const interfaces = [rackInterface(`10.${50 + index}.0.0/24`)];
      await acceptRack(region, { uuid, name: `rack-${index}`, key, address: `172.16.${index}.1`, interfaces });
    }
    for (const { uuid, isEmbedded } of region.racks.list()) {
      for (let round = 0; round < 2 * DISPUTES_PER_RACK.burst && !isEmbedded; round += 1) {
        const interfaces = [rackInterface(`10.20.0.${(round % 2) * 128}/25`)];
        await hearRack(region, uuid, interfaces);
      }
    }
    const events = (await store.listEvents({ limit: 2 * DISPUTES_IN_TOTAL.burst + racks * 4 })).filter((event) =>
      /that a person must agree to/.test(sentenceOf(event)),
    );
    assert.equal(events.length, DISPUTES_IN_TOTAL.burst);
  }));

test('a rack that keeps changing its claims to others’ networks is logged a few times', () =>
  withRegion(async ({ region, store }) => {
    const own = { name: 'lab', version: '0.1.0', interfaces: [rackInterface('10.20.0.0/24')], pinned: [] };
    await region.racks.putOwn({ ...own, uuid: OTHER_UUID });
    await acceptRack(region);
    for (let round = 0; round < 50; round += 1) {
      const interfaces = [rackInterface(`10.20.0.${(round % 2) * 128}/25`)];
      await hearRack(region, RACK_UUID, interfaces);
    }
    const events = (await store.listEvents({ limit: 100 })).filter((event) =>
      /that a person must agree to/.test(sentenceOf(event)),
    );
    assert.equal(events.length, DISPUTES_PER_RACK.burst);
  }));
