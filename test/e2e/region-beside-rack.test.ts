// A rack and a region apart from it on one host, neither with a port in its file: both serve everything, and a port that somebody else has is
// named with its key. In a network of its own, because the default ports are those of the host.
// @host waits

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { after, before, describe, test } from 'node:test';
import { labPlace } from '../../src/lab/safe-lab.ts';
import { missing } from '../support/needs.ts';
import { enterOwnNetwork } from '../support/own-network.ts';
import { eventually, RunningRack, runRackboot } from '../support/running-rack.ts';

const PLACE = labPlace(120);
const SERVICE = ['region', 'run'];
/** Where the metrics of each are by default. */
const [OF_RACK, OF_REGION] = [5249, 5250];

/** A file with the state directory of `text` and these lines. */
const only = (text: string, ...lines: readonly string[]): string =>
  [/^state_dir: .*$/m.exec(text)?.[0], ...lines, ''].join('\n');

const isReady = (port: number): Promise<boolean> =>
  fetch(`http://127.0.0.1:${port}/readyz`).then(
    ({ ok }) => ok,
    () => false,
  );

describe('a rack and a region apart on one host', { skip: missing('linux', 'root', 'ip'), timeout: 120_000 }, () => {
  let region: RunningRack;
  let rack: RunningRack;
  const command = (...words: string[]) => runRackboot([...words, '--config', region.configFile]);

  before(async () => {
    enterOwnNetwork();
    region = new RunningRack(PLACE, (text) => only(text, 'region: { store: { kind: sqlite } }'));
    rack = new RunningRack(PLACE, (text) =>
      only(text, 'region: { mode: remote, url: "http://127.0.0.1:5240/MAAS" }', 'tftp: { listen: [] }'),
    );
  });
  after(async () => {
    await rack?.remove();
    await region?.remove();
  });

  test('both run with the default ports, and neither misses one', async () => {
    await rack.start();
    const check = await command('region', 'check');
    assert.equal(check.code, 0, check.complaints.join('\n'));
    assert.doesNotMatch(check.output.join('\n'), /Beware/);
    await region.start({ command: SERVICE });
    await rack.reported('region.pending');
    for (const one of [rack, region]) assert.deepEqual(one.events('metrics.failed'), []);
    await eventually('the region is ready', () => isReady(OF_REGION));
    assert.ok((await fetch(`http://127.0.0.1:${OF_RACK}/healthz`)).ok);
    assert.deepEqual((await region.status()).metricsProblems, []);
  });

  test("a rack's own region has the port of the API, so the other one does not start, and names the key", async () => {
    await region.stop();
    await rack.stop();
    const own = new RunningRack(PLACE, (text) => only(text, 'tftp: { listen: [] }'));
    try {
      await own.start();
      await own.reported('region.up');
      const text = /127\.0\.0\.1:5240\b.*\bchange region\.listen/;
      assert.match((await command('region', 'check')).output.join('\n'), new RegExp(`^Beware {2}${text.source}`, 'm'));
      const { code, complaints } = await command(...SERVICE);
      assert.equal(code, 1);
      assert.match(complaints.join('\n'), text);
    } finally {
      await own.remove();
    }
  });

  test('a port of the metrics that another program has is named with its key; the region serves without it', async () => {
    const stranger = createServer();
    await once(stranger.listen(OF_REGION, '127.0.0.1'), 'listening');
    try {
      const from = region.lines.length;
      await region.start({ command: SERVICE });
      await region.reported('metrics.failed', { from });
      assert.match(
        (await command('status')).output.join('\n'),
        /^Beware +metrics, .*127\.0\.0\.1:5250 \(TCP\) is in use; .* change metrics\.listen$/m,
      );
      assert.ok((await fetch('http://127.0.0.1:5240/MAAS/api/version/')).ok);
    } finally {
      stranger.close();
    }
  });
});
