// `rackboot networks` and `rackboot init` on a rack that has networks: another one is added to a running rack, and what a replacement or a
// removal takes away is said before anything changes.
// @host waits

import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { missing } from '../support/needs.ts';
import { well } from '../support/running-rack.ts';
import { RackNetwork } from './rack-network.ts';

const skip = missing('linux', 'root', 'ip', 'busybox', 'script', 'udhcpc');
const RESERVED = '52:54:00:77:13:99';
const LOSSES = /^ {2}br0 10\.77\.13\.0\/24: 1 reservation, 1 lease in use$/m;

describe('the networks of a rack', { skip }, () => {
  let rack: RackNetwork;
  let host = '';
  const init = (...words: readonly string[]) => rack.rackboot('init', ...words);
  const served = async (): Promise<string[]> =>
    JSON.parse(await rack.well('networks', 'list', '--json')).map(({ name }: { readonly name: string }) => name);

  before(async () => {
    rack = new RackNetwork('networks', '10.77.13.1');
    host = rack.namespace.addHost('host', '52:54:00:77:13:01');
    for (const [name, address] of [
      ['br1', '10.77.15.1/24'],
      ['br2', '10.77.16.1/24'],
    ] as const) {
      await well(rack.run(undefined, 'ip', 'link', 'add', name, 'type', 'bridge'));
      await well(rack.run(undefined, 'ip', 'address', 'add', address, 'dev', name));
      await well(rack.run(undefined, 'ip', 'link', 'set', name, 'up'));
    }
    await well(init('--state-dir', rack.stateDir, '--yes', '--interface', 'br0'));
    await rack.well('hosts', 'add', RESERVED, '10.77.13.20', 'printer');
    await rack.start();
    await well(rack.run(host, 'busybox', 'udhcpc', '-f', '-n', '-q', '-i', 'eth0', '-s', '/bin/true'));
  });
  after(() => rack?.remove());

  test('init without --force names the command that adds one, and changes nothing', async () => {
    const refused = await init('--yes', '--interface', 'br1');
    assert.equal(refused.code, 2);
    assert.match(refused.err, /this rack has br0 10\.77\.13\.0\/24\. To add a network: .*networks add .*INTERFACE/);
    assert.deepEqual(await served(), ['br0']);
  });

  test('networks add serves another interface of the running rack, and keeps the others with their reservations', async () => {
    assert.match(await rack.well('networks', 'add', 'br1', '--yes'), /^br1 10\.77\.15\.0\/24 is in force/m);
    assert.deepEqual(await served(), ['br0', 'br1']);
    assert.match(await rack.well('hosts', 'list'), /printer/);
    assert.match(await rack.well('status'), /^br1 10\.77\.15\.0\/24 +br1 +served/m);
    const again = await rack.rackboot('networks', 'add', 'br1', '--yes');
    assert.equal(again.code, 2);
    assert.match(again.err, /br1 10\.77\.15\.0\/24 is served/);
  });

  test('hosts import into the running rack refuses each reservation for its own reason', async () => {
    const file = join(rack.stateDir, 'former-dnsmasq.conf');
    const lines = ['01,10.77.13.1,own', '02,10.77.13.21,hostb', '03,10.77.13.255'];
    writeFileSync(file, lines.map((line) => `dhcp-host=52:54:00:77:13:${line}\n`).join(''));
    const { code, out } = await rack.rackboot('hosts', 'import', file, '--dry-run', '--json');
    const { hosts, left } = JSON.parse(out);
    assert.deepEqual([code, hosts.map(({ ip }: { readonly ip: string }) => ip)], [1, ['10.77.13.21']]);
    assert.equal(left.length, 2);
    assert.match(left[0], /^10\.77\.13\.1 .*the rack's own address/);
    assert.match(left[1], /^10\.77\.13\.255 .*no client can have/);
  });

  test('init at a terminal offers to add one', async () => {
    const person = rack.type('init', '--interface', 'br2', '--mode', 'server');
    await person.answer(
      /this rack has br0 10\.77\.13\.0\/24, br1 10\.77\.15\.0\/24\.[\s\S]*Add another network\? \[Y\/n\] /,
      '',
    );
    for (const question of [/Router .*: /, /First .* unknown .*: /, /Last .* unknown .*: /])
      await person.answer(question, '');
    for (const question of [/First .* deployed .*: /, /Last .* deployed .*: /]) await person.answer(question, '');
    assert.equal(await person.ended(), 0, person.text());
    assert.deepEqual(await served(), ['br0', 'br1', 'br2']);
  });

  test('networks change sets fields of the running rack, and proxy mode asks before reservations go', async () => {
    const fieldsOf = async (wanted: string) =>
      JSON.parse(await rack.well('networks', 'list', '--json')).find(
        ({ name }: { readonly name: string }) => name === wanted,
      );
    const change = (...words: readonly string[]) => rack.rackboot('networks', 'change', ...words);
    await well(change('br1', '--router', '10.77.15.9', '--dns-servers', '192.0.2.53', '--low', '10.77.15.200'));
    const { router_ip: router, dns_servers: servers, ip_range_low: low, ip_range_high: high } = await fieldsOf('br1');
    assert.deepEqual({ router, servers, low }, { router: '10.77.15.9', servers: ['192.0.2.53'], low: '10.77.15.200' });
    await well(change('br1', '--router', '-'));
    assert.equal((await fieldsOf('br1')).router_ip, undefined);
    await well(change('br1', '--mode', 'proxy'));
    const { mode, ip_range_low: dropped } = await fieldsOf('br1');
    assert.deepEqual({ mode, dropped }, { mode: 'proxy', dropped: undefined });
    assert.match(await rack.well('status'), /^br1 10\.77\.15\.0\/24 +br1 +.*proxy/m);
    await well(change('br1', '--mode', 'server'));
    assert.equal((await fieldsOf('br1')).ip_range_high, high, 'as networks add proposed it');
    const unasked = await change('br0', '--mode', 'proxy');
    assert.equal(unasked.code, 2);
    assert.match(unasked.out, /^Removes {2}hosts: .*52:54:00:77:13:99/m);
    assert.equal((await fieldsOf('br0')).mode, undefined);
    const wrong = await change('br1', '--low', '10.99.0.1');
    assert.equal(wrong.code, 2);
    assert.match(wrong.err, /br1\.ip_range_low/);
    const nothing = await change('br1');
    assert.match(nothing.err, /--router/);
  });

  test('networks remove says what goes, and needs a confirmation', async () => {
    const unasked = await rack.rackboot('networks', 'remove', 'br0');
    assert.equal(unasked.code, 2);
    assert.match(unasked.out, /^Removes {2}br0 10\.77\.13\.0\/24: 1 reservation, 1 lease in use$/m);
    await rack.well('networks', 'remove', 'br2', '--yes');
    assert.deepEqual(await served(), ['br0', 'br1']);
  });

  test('init --force names every network, reservation and lease first, and without a confirmation changes nothing', async () => {
    const file = readFileSync(rack.configFile, 'utf8');
    const unasked = await init('--force', '--interface', 'br1', '--mode', 'server', '--name', 'other');
    assert.equal(unasked.code, 2);
    assert.match(unasked.out, LOSSES);
    assert.match(unasked.out, /^ {2}br1 10\.77\.15\.0\/24: 0 reservations, 0 leases in use$/m);
    assert.equal(readFileSync(rack.configFile, 'utf8'), file);
    assert.deepEqual(await served(), ['br0', 'br1']);
    assert.match(await well(init('--force', '--yes', '--interface', 'br1', '--mode', 'server')), LOSSES);
    assert.deepEqual(await served(), ['br1']);
  });
});
