// Every parameter of every operation is sent, and read back: a known parameter that does nothing is a defect.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseMac } from '../../../../src/ground/address.ts';
import { OPERATIONS } from '../../../../src/region/api/operations.ts';
import { DISK_TRIALS } from './disk-trials.ts';
import { IMAGE_TRIALS } from './image-trials.ts';
import { LAYOUT_TRIALS } from './layout-trials.ts';
import { EVENT_FILTERS, EVENT_TRIALS, LIFE_TRIALS } from './life-trials.ts';
import { MACHINE_TRIALS } from './machine-trials.ts';
import { NAME_TRIALS } from './name-trials.ts';
import { NETWORK_TRIALS } from './network-trials.ts';
import { PEOPLE_TRIALS } from './people-trials.ts';
import { runTrial, type Trial, withSite } from './trial.ts';

/** All trials, by what they are about. */
export const GROUPS: Readonly<Record<string, readonly Trial[]>> = {
  'names, zones and tags': NAME_TRIALS,
  'accounts, keys, files, scripts and settings': PEOPLE_TRIALS,
  'machines and devices': MACHINE_TRIALS,
  'commands to machines': LIFE_TRIALS,
  'the events of the log': EVENT_TRIALS,
  'networks and racks': NETWORK_TRIALS,
  'interfaces and disks': LAYOUT_TRIALS,
  'block devices': DISK_TRIALS,
  'sources of images': IMAGE_TRIALS,
};

/** @param isWhole also the same trials of the same operation in the other version of the API */
export function testParameters(isWhole: boolean): void {
  for (const [group, trials] of Object.entries(GROUPS))
    test(`each parameter is read back: ${group}`, async () => {
      const faults: string[] = [];
      for (const trial of trials) {
        try {
          if (isWhole || trial.isAgain !== true) await runTrial(trial);
        } catch (error) {
          faults.push(error instanceof Error ? `${trial.of}: ${error.message}` : String(error));
        }
      }
      assert.deepEqual(faults, []);
    });
  testFollower();
}

const testFollower = (): unknown =>
  test('a follower of the log chooses its events as a query does', () =>
    withSite(async ({ place }) => {
      const operation = OPERATIONS.find(({ op }) => op === 'follow');
      const { region } = place;
      const given = { ...EVENT_FILTERS, id: 'abc', level: 'ERROR', owner: 'alice', after: '7' };
      const caller = { kind: 'user', username: 'admin', email: '', isAdmin: true, tokenKey: undefined } as const;
      const peer = {
        address: '10.20.0.50',
        share: '10.20.0.50',
        ipv4: undefined,
        isByRack: false,
        isManaged: true,
        isLocal: true,
        isOperator: true,
      };
      const fields = new Map(Object.entries(given).map(([name, text]) => [name, [text]]));
      const call = { region, version: '2.0', path: {}, caller, peer, query: fields } as const;
      const answer = await operation?.run(call, fields);
      assert.ok(answer?.kind === 'follow');
      const { filter, after } = answer.following;
      assert.deepEqual(after, { id: 7, history: undefined });
      assert.deepEqual([filter.level, filter.usernames], ['error', ['alice']]);
      assert.deepEqual(filter.machines, {
        hostnames: ['one'],
        macs: [parseMac(EVENT_FILTERS.mac_address)],
        systemIds: ['abc'],
        domains: ['example.org'],
        agentNames: ['juju'],
        zoneIds: [1],
        poolIds: [2],
      });
    }));
