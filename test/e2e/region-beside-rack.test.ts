// A rack and a region apart from it on one host, neither with a port in its file: both serve everything. In a network of its own,
// because the default ports are those of the host. A port that somebody else has is in the long suite.
// @host waits

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { labPlace } from '../../src/lab/safe-lab.ts';
import { withStateDirectory } from '../support/apart-file.ts';
import { missing } from '../support/needs.ts';
import { enterOwnNetwork } from '../support/own-network.ts';
import { eventually, RunningRack, well } from '../support/running-rack.ts';

const PLACE = labPlace(120);
const SERVICE = ['region', 'run'];
/** Where the metrics of each are by default. */
const [OF_RACK, OF_REGION] = [5249, 5250];

const isReady = (port: number): Promise<boolean> =>
  fetch(`http://127.0.0.1:${port}/readyz`).then(
    ({ ok }) => ok,
    () => false,
  );

describe('a rack and a region apart on one host', { skip: missing('linux', 'root', 'ip') }, () => {
  let region: RunningRack;
  let rack: RunningRack;
  const command = (...words: string[]) => region.rackboot(...words);

  before(async () => {
    enterOwnNetwork();
    region = new RunningRack(PLACE, (text) => withStateDirectory(text, 'region: { store: { kind: sqlite } }'));
    rack = new RunningRack(PLACE, (text) =>
      withStateDirectory(text, 'region: { mode: remote, url: "http://127.0.0.1:5240/MAAS" }', 'tftp: { listen: [] }'),
    );
  });
  after(async () => {
    await rack?.remove();
    await region?.remove();
  });

  test('both run with the default ports, and neither misses one', async () => {
    await rack.start();
    const check = await well(command('region', 'check'));
    assert.doesNotMatch(check, /Beware/);
    await region.start({ command: SERVICE });
    await rack.reported('region.pending');
    for (const one of [rack, region]) assert.deepEqual(one.events('metrics.failed'), []);
    await eventually('the region is ready', () => isReady(OF_REGION));
    assert.ok((await fetch(`http://127.0.0.1:${OF_RACK}/healthz`)).ok);
    assert.deepEqual((await region.status()).metricsProblems, []);
  });
});
