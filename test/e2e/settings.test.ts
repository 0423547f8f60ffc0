// The network in the store: a rack whose file says only where it lives is given its network by the command line and by MAAS's API, keeps
// it over a kill, shows the owner of each value, and refuses changes of values in the file. Real daemon, real sockets on loopback, by any
// user. A file that says the same or something else, and further refusals, are in the long suite.
// @host waits

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { labPlace } from '../../src/lab/safe-lab.ts';
import { missing } from '../support/needs.ts';
import { authorizationOf } from '../support/oauth.ts';
import { addressOf, loadByTftp } from '../support/probes.ts';
import { well } from '../support/running-rack.ts';
import { StoredNetwork } from '../support/stored-network.ts';

const PLACE = labPlace(32);
const ADDRESS = `${PLACE.octets}.1`;

describe('a configuration in the store', { skip: missing('linux', 'curl') }, () => {
  let on: StoredNetwork;

  before(async () => {
    on = await StoredNetwork.start(PLACE);
  });
  after(() => on?.remove());

  const lastOctet = async (): Promise<number> => Number(addressOf(await on.probes.lease()).split('.')[3]);

  /** As the maas command line sends it: the key by OAuth, the fields as a form. */
  function maas(key: string, method: string, path: string, fields: Readonly<Record<string, string>>): string {
    const oauth = authorizationOf(key);
    const form = Object.entries(fields).flatMap(([name, value]) => ['-F', `${name}=${value}`]);
    const url = `http://127.0.0.1:${PLACE.regionPort}/MAAS/api/1.0/${path}`;
    return execFileSync('curl', ['-sS', '-X', method, '-H', `Authorization: ${oauth}`, ...form, url], {
      encoding: 'utf8',
      timeout: 60_000,
    });
  }

  test('is given its network by one command, and serves it at once', async () => {
    assert.equal(await on.probes.leaseWithin(1000), undefined, 'a rack without a network serves nobody');
    assert.match(
      await well(on.config('set', 'cluster_interfaces.lab', on.network)),
      /^cluster_interfaces\.lab: in force\.$/,
    );
    assert.ok((await lastOctet()) >= 100);
    const reported = await on.rack.reported('config.applied', { from: on.from });
    assert.equal(reported.source, 'store');
    await on.rack.reported('config.changed', { from: on.from, match: ({ key }) => key === 'cluster_interfaces.lab' });
  });

  test('is changed as in the guide for MAAS 1.7, with MAAS’s answers', async () => {
    const key = await on.rack.administrator();
    const [cluster] = JSON.parse(maas(key, 'GET', 'nodegroups/?op=list', {}));
    on.from = on.rack.lines.length;
    const answer = JSON.parse(
      maas(key, 'PUT', `nodegroups/${cluster.uuid}/interfaces/lab/`, {
        ip: ADDRESS,
        management: '2',
        subnet_mask: '255.255.255.0',
        broadcast_ip: `${PLACE.octets}.255`,
        router_ip: `${PLACE.octets}.254`,
        ip_range_low: `${PLACE.octets}.150`,
        ip_range_high: `${PLACE.octets}.199`,
        static_ip_range_low: `${PLACE.octets}.10`,
        static_ip_range_high: `${PLACE.octets}.99`,
      }),
    );
    assert.deepEqual(answer, {
      name: 'lab',
      ip: ADDRESS,
      management: 2,
      interface: 'lo',
      subnet_mask: '255.255.255.0',
      broadcast_ip: `${PLACE.octets}.255`,
      ip_range_low: `${PLACE.octets}.150`,
      ip_range_high: `${PLACE.octets}.199`,
      static_ip_range_low: `${PLACE.octets}.10`,
      static_ip_range_high: `${PLACE.octets}.99`,
    });
    await on.rack.reported('config.applied', { from: on.from });
    await on.rack.reported('config.stranded', { from: on.from });
    assert.ok((await lastOctet()) >= 150);
    assert.equal(maas(key, 'POST', 'maas/?op=set_config', { name: 'kernel_opts', value: 'console=ttyS4' }), 'OK');
    assert.equal(maas(key, 'GET', 'maas/?op=get_config&name=kernel_opts', {}), '"console=ttyS4"');
    const refused = JSON.parse(maas(key, 'PUT', `nodegroups/${cluster.uuid}/interfaces/lab/`, { ip_range_low: 'x' }));
    assert.match(refused.ip_range_low[0], /expected an IPv4 address/);
  });

  test('shows the owner of each value, prints one, and exports the store’s part', async () => {
    const shown = await well(on.config('show'));
    assert.match(shown, /^name +lab +\S+rackboot\.yaml:1$/m);
    assert.match(shown, /^cluster_interfaces\.lab\.router_ip +\S+\.254 +store$/m);
    assert.match(shown, /^boot\.kernel_params +console=ttyS4 +store$/m);
    assert.match(shown, /^log\.level +info +default$/m);
    assert.equal(await well(on.config('get', 'cluster_interfaces.lab.ip_range_low')), `${PLACE.octets}.150`);
    assert.equal(await well(on.config('get', 'boot.release')), 'bookworm');
    assert.match(
      await well(on.config('export')),
      /^boot:\n {2}kernel_params: console=ttyS4\ncluster_interfaces:\n {2}- name: lab$/m,
    );
    const [first] = JSON.parse(await well(on.config('show', 'boot.kernel_params', '--json')));
    assert.deepEqual(first, { key: 'boot.kernel_params', value: 'console=ttyS4', owner: 'store' });
  });

  test('refuses a key of the file and an invalid value, and says which', async () => {
    for (const [words, problem] of [
      [['set', 'tftp.listen_port', '1069'], /only the configuration file can set it/],
      [['set', 'cluster_interfaces.lab.ip_range_low', `${PLACE.octets}.250`], /is above ip_range_high/],
    ] as const) {
      const { code, complaints } = await on.config(...words);
      assert.equal(code, 2, words.join(' '));
      assert.match(complaints.join('\n'), problem);
      assert.doesNotMatch(complaints.join('\n'), /[{}]"|a bug/);
    }
    assert.deepEqual(on.rack.events('config.refused'), []);
  });

  test('stays in force for commands while the file has an error, and they say so', async () => {
    const text = readFileSync(on.rack.configFile, 'utf8');
    for (const wrong of ['unknown_key: 3', 'x: ['])
      try {
        writeFileSync(on.rack.configFile, `${text}${wrong}\n`);
        for (const words of [
          ['images', 'list'],
          ['preseed', 'list'],
          ['preseed', 'show', 'curtin'],
        ]) {
          const { code, complaints } = await on.rackboot(...words);
          assert.equal(code, 0, complaints.join('\n'));
          assert.equal(complaints.join('\n').match(/keeps its former configuration/g)?.length, 1, wrong);
        }
      } finally {
        writeFileSync(on.rack.configFile, text);
      }
  });

  test('is in force from the first moment after a kill, before its region is up', async () => {
    await on.rack.kill();
    on.from = on.rack.lines.length;
    await on.rack.startWhole();
    const order = on.rack.lines.slice(on.from).map(({ event }) => event);
    assert.ok(order.indexOf('interface.serving') < order.indexOf('daemon.ready'), order.join(' '));
    assert.ok(order.indexOf('daemon.ready') < order.indexOf('region.up'));
    assert.ok((await lastOctet()) >= 150);
    const file = Buffer.from((await loadByTftp(ADDRESS, PLACE.tftpPort, 'pxelinux.cfg/default')).value);
    assert.match(file.toString('latin1'), /console=ttyS4/);
  });

  test('loses what a new value lacks only by --replace, which names it', async () => {
    await well(on.config('set', 'dns.records', '[{ name: a.maas, type: A, data: 10.9.9.9 }]'));
    const refused = await on.config('set', 'dns.records', '[]');
    assert.equal(refused.code, 2);
    assert.match(refused.complaints.join('\n'), /the new value would drop:\n.*a\.maas/);
    const dropped = await well(on.config('set', '--replace', 'dns.records', '[]'));
    assert.match(dropped, /dns\.records: dropped:\n.*a\.maas/);
  });

  test('is changed without a daemon, for its next start', async () => {
    await on.rack.stop();
    assert.match(await well(on.config('set', 'boot.kernel_params', 'quiet splash')), /no daemon runs here/i);
    const shown = await on.config('show', 'boot.kernel_params');
    assert.match(shown.output.join('\n'), /quiet splash +store/);
    assert.match(shown.complaints.join('\n'), /no daemon runs here/i);
    const unfit = await on.config('set', 'cluster_interfaces.lab.ip', '10.0.0.1');
    assert.equal(unfit.code, 2);
    await on.rack.startWhole();
    const file = Buffer.from((await loadByTftp(ADDRESS, PLACE.tftpPort, 'pxelinux.cfg/default')).value);
    assert.match(file.toString('latin1'), /quiet splash/);
  });
});
