// dnsmasq on the rack's own host: `rackboot init` names it and takes over what it gave, `rackboot run` names it in its log and in its error
// while it holds port 67, also as a user who cannot see its sockets, and serves its hosts once it is stopped.
// @host waits

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { missing } from '../support/needs.ts';
import { eventually } from '../support/running-rack.ts';
import { RackNetwork, type Running } from './rack-network.ts';

const skip = missing('linux', 'root', 'ip', 'dnsmasq', 'script', 'busybox', 'udhcpc');
const RACK = '10.77.11.1';
const RESERVED = { mac: '52:54:00:77:11:02', ip: '10.77.11.50' };
const LEASED = { mac: '52:54:00:77:11:03', ip: '10.77.11.207' };
const UDHCPC = ['busybox', 'udhcpc', '-f', '-n', '-q', '-i', 'eth0', '-s', '/bin/true'];

describe('a rack on the host of a dnsmasq', { skip }, () => {
  let rack: RackNetwork;
  let dnsmasq: Running;
  let name = '';
  const clients = new Map<string, string>();

  before(async () => {
    rack = new RackNetwork('beside', RACK);
    for (const [label, { mac }] of Object.entries({ reserved: RESERVED, leased: LEASED }))
      clients.set(mac, rack.namespace.addHost(label, mac));
    const [config, leases] = [join(rack.directory, 'dnsmasq.conf'), join(rack.directory, 'dnsmasq.leases')];
    writeFileSync(leases, `0 ${LEASED.mac} ${LEASED.ip} web2 *\n`);
    writeFileSync(
      config,
      `port=0\ninterface=br0\nbind-dynamic\nno-ping\ndhcp-leasefile=${leases}\ndhcp-range=10.77.11.200,10.77.11.220,2h\n` +
        `dhcp-option=3,10.77.11.254\ndomain=lan.example\ndhcp-host=${RESERVED.mac},${RESERVED.ip},web1\n`,
    );
    const words = ['--keep-in-foreground', `--conf-file=${config}`, '--pid-file=', '--log-facility=-'];
    dnsmasq = rack.launch(undefined, 'dnsmasq', ...words);
    await eventually('dnsmasq serves', () => dnsmasq.text().includes('IP range'));
    name = `dnsmasq \\(process \\d+\\)`;
  });
  after(() => rack?.remove());

  test('networks add gives the range, the router and the domain that dnsmasq named', async () => {
    await rack.well('init', '--state-dir', rack.stateDir, '--no-interface', '--yes');
    const added = await rack.well('networks', 'add', 'br0', '--mode', 'server', '--yes');
    assert.match(added, /^Domain {2}lan\.example, as before: .* config unset .*cluster_interfaces\.br0\.domain$/m);
    assert.match(await rack.well('networks', 'list'), /10\.77\.11\.200 to 10\.77\.11\.220 .* 10\.77\.11\.254 /);
    await rack.well('networks', 'remove', 'br0', '--yes');
    rmSync(rack.configFile);
  });

  test('init names it, and takes over its reservation and its lease', async () => {
    const person = rack.type('init', '--state-dir', rack.stateDir);
    await person.answer(/Interface .*: /, '');
    for (const question of [/Router .*: /, /First .* unknown .*: /, /Last .* unknown .*: /])
      await person.answer(question, '');
    for (const question of [/First .* deployed .*: /, /Last .* deployed .*: /, /Upstream .*: /])
      await person.answer(question, '');
    await person.answer(/Take over the leases in \S+ and 1 reservation, .* \[Y\/n\] /, '');
    assert.equal(await person.ended(), 0, person.text());
    assert.match(person.text(), new RegExp(`Stop ${name} before the rack starts`));
    assert.match(person.text(), new RegExp(`Beware {2}0\\.0\\.0\\.0:67 on br0 .*belongs to ${name}[\\s\\S]*Next:`));
  });

  test('the network has the router and the domain that dnsmasq named', async () => {
    for (const [key, value] of [
      ['router_ip', '10.77.11.254'],
      ['domain', 'lan.example'],
    ] as const)
      assert.equal((await rack.rackboot('config', 'get', `cluster_interfaces.br0.${key}`)).out.trim(), value);
  });

  /** The rack does not start, and names the process in its log and to the person. */
  const isRefused = async (owner: string): Promise<void> => {
    const from = rack.lines.length;
    await assert.rejects(rack.start(), {
      message: new RegExp(`:67 on br0 .UDP., which cluster_interfaces needs, belongs to ${owner}: stop it`),
    });
    const failed = await rack.reported('dhcp.socket-failed', ({ interfaceName }) => interfaceName === 'br0', from);
    assert.match(String(failed.reason), new RegExp(`in use by ${owner};`));
  };

  test('run names it while it holds port 67', () => isRefused(name));

  test('run names it as the probable owner to a user who cannot see its sockets', async () => {
    execFileSync('chown', ['-R', 'nobody', rack.stateDir]);
    execFileSync('chmod', ['755', rack.directory]);
    await isRefused(`a process of user \\d+, probably ${name}`);
  });

  test('once it is stopped, run gives its hosts the addresses that they had', async () => {
    await dnsmasq.end();
    await rack.start();
    for (const { mac, ip } of [RESERVED, LEASED]) {
      const client = await rack.run(clients.get(mac), ...UDHCPC);
      assert.equal(client.code, 0, client.err);
      assert.equal((await rack.reported('dhcp.ack', (line) => line.mac === mac)).address, ip);
    }
  });
});
