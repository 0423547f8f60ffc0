// The network of a rack elsewhere, kept by its region: it is set there, carried to the rack, served over restarts and without the region,
// and read-only there once the rack's own file writes it. Real processes and sockets on loopback, by any user.
// @host alone

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { labPlace } from '../../src/lab/safe-lab.ts';
import { missing } from '../support/needs.ts';
import { addressOf, DhcpProbes } from '../support/probes.ts';
import { networkOf, remoteRack } from '../support/remote-rack.ts';
import { eventually, RunningRack, runRackboot } from '../support/running-rack.ts';

const REGION = labPlace(33);
const FAR = labPlace(34);
const NETWORK = networkOf(FAR);

describe('the network of a remote rack', { skip: missing('linux') }, () => {
  const region = new RunningRack(REGION);
  const far = remoteRack(FAR, 'far', `url: "http://127.0.0.1:${REGION.regionPort}/MAAS"`, (text) =>
    text.replace(/cluster_interfaces:\n( .*\n)+/, ''),
  );
  let probes: DhcpProbes;

  before(async () => {
    probes = await DhcpProbes.open(FAR);
    await region.startWhole();
    await far.start();
    await far.reported('region.pending');
    await atRegion('racks', 'accept', 'far');
    await eventually('the link is up', async () => (await far.status()).region?.state === 'up', 30_000);
  });
  after(async () => {
    await probes.close();
    await far.remove();
    await region.remove();
  });

  async function atRegion(...words: readonly string[]): Promise<string> {
    const output = await region.well(...words);
    return output;
  }
  const lastOctet = async (): Promise<number> =>
    Number(addressOf((await probes.leaseWithin(10_000)) ?? assert.fail('no lease')).split('.')[3]);

  test('is set at the region by its name, and served as soon as the rack receives it', async () => {
    assert.equal(await probes.leaseWithin(1000), undefined);
    const from = far.lines.length;
    await atRegion('config', 'set', 'cluster_interfaces.yard', NETWORK, '--rack', 'far');
    await atRegion('config', 'set', 'boot.kernel_params', 'quiet');
    await far.reported('config.applied', { from, match: ({ source }) => source === 'store' });
    assert.ok((await lastOctet()) >= 100);
    assert.match(await atRegion('config', 'export', '--rack', 'far'), /^cluster_interfaces:\n {2}- name: yard$/m);
    assert.doesNotMatch(await atRegion('config', 'export'), /yard/, 'it is not the region’s own');
    const shown = await far.rackboot('config', 'show');
    assert.match(shown.output.join('\n'), /^boot\.kernel_params +quiet +store$/m);
  });

  test('is served after a restart without the region', async () => {
    await region.kill();
    await far.kill();
    await far.start();
    assert.ok((await lastOctet()) >= 100);
    await region.startWhole();
    await eventually('the link is up again', async () => (await far.status()).region?.state === 'up', 60_000);
  });

  test('is read-only at the region once the rack’s file sets it', async () => {
    const text = readFileSync(far.configFile, 'utf8');
    const from = far.lines.length;
    far.configure(`${text}cluster_interfaces: [${NETWORK.replace('{', '{ name: yard,').replace('.100,', '.150,')}]\n`);
    await far.reported('config.applied', { from });
    assert.ok((await lastOctet()) >= 150, 'the file wins');
    await eventually(
      'the region has heard of it',
      async () => {
        const words = ['config', 'set', 'cluster_interfaces.yard.management', '1', '--rack', 'far'];
        const { code, complaints } = await region.rackboot(...words);
        return code === 2 && /written in the configuration file of the rack far as/.test(complaints.join());
      },
      60_000,
    );
  });

  test('is not stored on the rack, which says where its region is', async () => {
    await far.stop();
    const words = ['config', 'set', 'boot.kernel_params', 'loud', '--config', far.configFile];
    const { code, complaints } = await runRackboot(words);
    assert.equal(code, 2);
    assert.match(
      complaints.join('\n'),
      new RegExp(`region at http://127\\.0\\.0\\.1:${REGION.regionPort}/MAAS holds the store: set it there`),
    );
  });
});
