// A region apart from its rack, whose port somebody else has, names it with its key. In a network of its own, because the default ports
// are those of the host.
// @host alone

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { after, before, describe, test } from 'node:test';
import { labPlace } from '../../src/lab/safe-lab.ts';
import { withStateDirectory } from '../support/apart-file.ts';
import { missing } from '../support/needs.ts';
import { enterOwnNetwork } from '../support/own-network.ts';
import { RunningRack } from '../support/running-rack.ts';

const PLACE = labPlace(108);
const SERVICE = ['region', 'run'];
/** Where its metrics are by default. */
const OF_REGION = 5250;

describe('a region whose port somebody else has', { skip: missing('linux', 'root', 'ip') }, () => {
  let region: RunningRack;
  const command = (...words: string[]) => region.rackboot(...words);

  before(async () => {
    enterOwnNetwork();
    region = new RunningRack(PLACE, (text) => withStateDirectory(text, 'region: { store: { kind: sqlite } }'));
  });
  after(async () => {
    await region?.remove();
  });

  test("a rack's own region has the port of the API, so one apart does not start, and names the key", async () => {
    const own = new RunningRack(PLACE, (text) => withStateDirectory(text, 'tftp: { listen: [] }'));
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
        /^Note +metrics: are not served, .*127\.0\.0\.1:5250 \(TCP\) is in use .* change metrics\.listen$/m,
      );
      assert.ok((await fetch('http://127.0.0.1:5240/MAAS/api/version/')).ok);
    } finally {
      stranger.close();
    }
  });
});
