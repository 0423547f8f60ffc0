// Scans of networks over the API: the networks that are taken, those that are refused by name, and MAAS's answer.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { NetworkScan, ScanOutcome } from '../../../src/region/records/network-scan.ts';
import { sentenceOf } from '../../support/sentences.ts';
import { acceptRack, rackInterface } from '../racks/rack-place.ts';
import { type Ask, LAB, OWN_UUID, withNetworks } from './network-place.ts';

const SCAN = '2.0/discovery/?op=scan';
const range = (net: string) => ({ ip_range_low: `${net}.100`, ip_range_high: `${net}.199` });
const WIDE = { interface: 'eth2', ip: '10.64.0.1', network: '10.64.0.0/16', ...range('10.64.1') };
const RELAYED = { relayed: true, network: '10.65.0.0/24', dns_servers: ['10.65.0.2'], ...range('10.65.0') };
const QUIET = { interface: 'eth3', ip: '10.66.0.1', network: '10.66.0.0/24', management: 0 };

/** A region whose rack answers requests for scans with this outcome. */
const withScans = (
  work: (ask: Ask, scans: readonly NetworkScan[], events: () => Promise<readonly string[]>) => Promise<void>,
  outcome: ScanOutcome = 'started',
): Promise<void> => {
  const scans: NetworkScan[] = [];
  const scan = async (wanted: NetworkScan): Promise<ScanOutcome> => {
    scans.push(wanted);
    return outcome;
  };
  return withNetworks(
    async (ask, { region, store }) => {
      await acceptRack(region, { interfaces: [rackInterface('10.70.0.0/24')] });
      await work(ask, scans, async () =>
        (await store.listEvents({ level: 'audit', limit: 5 })).map((event) => sentenceOf(event)),
      );
    },
    { lab: LAB, quiet: QUIET, relayed: RELAYED, wide: WIDE },
    {},
    undefined,
    { scan },
  );
};

test('named networks are scanned by the rack of the process, and the answer has MAAS’s fields', () =>
  withScans(async (ask, scans, events) => {
    const answer = await ask('POST', SCAN, { cidr: '10.20.0.0/24', threads: '4', slow: 'true' });
    assert.equal(answer.status, 200, answer.text);
    assert.deepEqual(answer.json, {
      result: 'Scanning 10.20.0.0/24 is in progress: discovery lists the hosts that answer.',
      scan_attempted_on: [OWN_UUID],
      failed_to_connect_to: [],
      scan_started_on: [OWN_UUID],
      scan_failed_on: [],
      rpc_call_timed_out_on: [],
    });
    assert.equal((await ask('POST', SCAN, { cidr: '10.64.8.0/22' })).status, 200, 'a part of a large network');
    assert.deepEqual(scans, [
      { networks: ['10.20.0.0/24'], atOnce: 4, isSlow: true },
      { networks: ['10.64.8.0/22'], atOnce: 16, isSlow: false },
    ]);
    assert.deepEqual((await events()).slice(0, 2), ['had 10.64.8.0/22 scanned', 'had 10.20.0.0/24 scanned']);
  }));

test('a scan of all networks needs force, and names those that are left out', () =>
  withScans(async (ask, scans) => {
    const refused = await ask('POST', SCAN);
    assert.deepEqual([refused.status, Object.keys(refused.json)], [400, ['cidr']]);
    const { json } = await ask('POST', SCAN, { force: 'true' });
    assert.deepEqual(
      scans.map(({ networks }) => networks),
      [['10.20.0.0/24']],
    );
    assert.match(json.result, /Left out: .*10\.64\.0\.0\/16 \(maas\)/);
    assert.match(json.result, /Left out: .*10\.70\.0\.0\/24 \(/);
    assert.equal(json.failed_to_connect_to.length, 1);
  }));

test('networks outside of the rack, too large or remote are refused by name, as are faulty parameters', () =>
  withScans(async (ask, scans) => {
    for (const [fields, field, reason] of [
      [{ cidr: 'nonsense' }, 'cidr', /IPv4 network/],
      [{ cidr: '10.99.0.0/24' }, 'cidr', /No rack serves a network that contains 10\.99\.0\.0\/24/],
      [{ cidr: '10.20.0.0/23' }, 'cidr', /No rack serves/],
      [{ cidr: '10.66.0.0/24' }, 'cidr', /No rack serves/],
      [{ cidr: '10.64.0.0/16' }, 'cidr', /10\.64\.0\.0\/16 is too large/],
      [{ cidr: '10.65.0.0/24' }, 'cidr', /reaches 10\.65\.0\.0\/24 only through relay agents/],
      [{ cidr: '10.70.0.0/24' }, 'cidr', /10\.70\.0\.0\/24 is served by the remote rack \S+:/],
      [{ cidr: '10.20.0.0/24', always_use_ping: 'true' }, 'always_use_ping', /ARP/],
      [{ cidr: '10.20.0.0/24', threads: '33' }, 'threads', /1 to 32/],
      [{ cidr: '10.20.0.0/24', threads: '0' }, 'threads', /1 to 32/],
    ] as const) {
      const refused = await ask('POST', SCAN, fields);
      assert.deepEqual([refused.status, Object.keys(refused.json)], [400, [field]], refused.text);
      assert.match(refused.text, reason);
    }
    assert.equal((await ask('POST', SCAN, { force: 'true' }, 'user')).status, 403);
    assert.deepEqual(scans, []);
  }));

for (const [outcome, list] of [
  ['running', 'scan_failed_on'],
  ['unheard', 'scan_failed_on'],
  ['silent', 'rpc_call_timed_out_on'],
] as const)
  test(`a rack on which the scan is ${outcome} is in ${list}`, () =>
    withScans(async (ask, _scans, events) => {
      const { json } = await ask('POST', SCAN, { cidr: '10.20.0.0/24' });
      assert.deepEqual([json[list], json.scan_started_on], [[OWN_UUID], []]);
      assert.ok(!(await events()).some((text) => /scanned/.test(text)));
    }, outcome));

test('a region without a rack in its process refuses, and names the remote rack', () =>
  withNetworks(async (ask, { region }) => {
    await acceptRack(region, { interfaces: [rackInterface('10.70.0.0/24')] });
    const named = await ask('POST', SCAN, { cidr: '10.70.0.0/24' });
    assert.deepEqual([named.status, /remote rack/.test(named.text)], [400, true]);
    assert.equal((await ask('POST', SCAN, { force: 'true' })).status, 400);
  }));
