// The log's levels over a real daemon: changed for a while by the command line, by room in the file; and a log file that is rotated as
// logrotate does it, under load.
// @host alone

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { labPlace } from '../../src/lab/safe-lab.ts';
import { missing } from '../support/needs.ts';
import { DhcpProbes } from '../support/probes.ts';
import { RunningRack } from '../support/running-rack.ts';

describe('the log', { skip: missing('linux') }, () => {
  test('sets the level of one room: for a while by command, or in the file after a reload', async () => {
    const place = labPlace(42);
    const rack = new RunningRack(place);
    const probes = await DhcpProbes.open(place);
    const level = (...args: string[]) => rack.rackboot('log-level', ...args);
    try {
      await rack.startWhole();
      const shown = await level();
      assert.equal(shown.code, 0, shown.complaints.join('\n'));
      assert.match(shown.output.join('\n'), /\(all others\) +info +as configured/);

      assert.match((await level('dhcp', 'error', '--for', '6s')).output.join('\n'), /^ROOM.*\ndhcp +error +[1-6] s$/);
      await rack.reported('log.level-changed', { match: ({ room }) => room === 'dhcp' });
      let from = rack.lines.length;
      assert.ok(await probes.leaseWithin(5000));
      await rack.reported('log.level-restored');
      assert.deepEqual(rack.events('dhcp.ack', from), [], 'nothing of DHCP was shown meanwhile');
      assert.ok(await probes.leaseWithin(5000));
      await rack.reported('dhcp.ack', { from });

      assert.equal((await level('debug', '--for', '1m')).code, 0);
      assert.match((await level('tftp')).output.join('\n'), /tftp +debug +(?:[1-5]\d s|60 s|1 min)/);
      assert.equal((await level('configured')).code, 0);
      for (const wrong of [['loud'], ['dhcp', 'loud'], ['mail', 'debug'], ['debug', '--for', 'ever']]) {
        assert.notEqual((await level(...wrong)).code, 0, wrong.join(' '));
      }

      from = rack.lines.length;
      const text = readFileSync(rack.configFile, 'utf8');
      rack.configure(`${text}log: { levels: { dhcp: error } }\n`);
      await rack.reported('config.applied', { from });
      from = rack.lines.length;
      assert.ok(await probes.leaseWithin(5000));
      rack.configure(text);
      await rack.reported('config.applied', { from });
      assert.deepEqual(rack.events('dhcp.ack', from), []);
    } finally {
      await probes.close();
      await rack.remove();
    }
  });
});
