// The network in the store, and a file that says the same or something else: a value that the file writes is read-only in the store, a
// store that contradicts the file is left out whole, and leases outside of narrowed ranges are named. Real daemon, real sockets on
// loopback, by any user.
// @host alone

import assert from 'node:assert/strict';
import { appendFileSync, readFileSync, writeFileSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { labPlace } from '../../src/lab/safe-lab.ts';
import { missing } from '../support/needs.ts';
import { well } from '../support/running-rack.ts';
import { StoredNetwork } from '../support/stored-network.ts';

const PLACE = labPlace(111);

describe('a configuration in the store and in the file', { skip: missing('linux') }, () => {
  let on: StoredNetwork;

  before(async () => {
    on = await StoredNetwork.start(PLACE);
    await well(on.config('set', 'cluster_interfaces.lab', on.network));
    await well(on.config('set', 'boot.kernel_params', 'console=ttyS4'));
    await on.probes.lease();
  });
  after(() => on?.remove());

  test('is pinned by the file, and then read-only in the store', async () => {
    const before = readFileSync(on.rack.configFile, 'utf8');
    const pinned = `${before}${(await well(on.config('export'))).replace(/^boot:\n.*\n/m, '')}\n`;
    const next = `${on.rack.configFile}.next`;
    writeFileSync(next, pinned.replace(`${PLACE.octets}.100`, `${PLACE.octets}.199`));
    const shown = await well(on.rackboot('check', '--diff', next));
    assert.match(shown, /^cluster_interfaces\.lab\.ip_range_low: \S+\.100 → \S+\.199$/m);
    assert.match(shown, /^Leases: \d+ (?:is|are) outside the new ranges/m);
    assert.match(shown, /^Store: cluster_interfaces\.lab is also in the store; the file wins$/m);
    on.from = on.rack.lines.length;
    on.rack.configure(pinned);
    assert.equal((await on.rack.reported('config.applied', { from: on.from })).changes, 0);
    assert.match(await well(on.rackboot('check', '--diff')), /changes nothing that is in force/);
    const refused = await on.config('set', 'cluster_interfaces.lab.management', '1');
    assert.equal(refused.code, 2);
    assert.match(refused.complaints.join(), /read-only: written in \S+rackboot\.yaml as cluster_interfaces\.lab/);
    on.from = on.rack.lines.length;
    on.rack.configure(before);
    await on.rack.reported('config.applied', { from: on.from });
  });

  test('that contradicts the file is left out whole at a start, and named', async () => {
    await on.rack.stop();
    const before = readFileSync(on.rack.configFile, 'utf8');
    appendFileSync(
      on.rack.configFile,
      `cluster_interfaces:\n  - { name: other, interface: lo, ip: ${PLACE.octets}.2, network: ${PLACE.octets}.0/25, ip_range_low: ${PLACE.octets}.9, ip_range_high: ${PLACE.octets}.19 }\n`,
    );
    on.from = on.rack.lines.length;
    await on.rack.startWhole();
    const refused = await on.rack.reported('config.refused', { from: on.from });
    assert.equal(refused.source, 'store');
    assert.match(
      String(refused.problems),
      /the region's store: cluster_interfaces\.lab\.network: .* overlaps .* of "\w+" \(cluster_interfaces\[0\]\)/,
    );
    assert.match((await on.config('show', 'cluster_interfaces')).complaints.join('\n'), /refused and not in force/);
    on.from = on.rack.lines.length;
    on.rack.configure(before);
    await on.rack.reported('config.applied', { from: on.from });
    assert.ok(await on.probes.lease(), 'with the file mended the store is in force again');
  });
});
