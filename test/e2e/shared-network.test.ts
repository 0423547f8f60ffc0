// Two networks behind one relay agent (ISC's dhcrelay), with real clients. The second gives addresses when the first is full, as soon
// as a reload names both as one shared network.
// @host waits

import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { missing } from '../support/needs.ts';
import { eventually } from '../support/running-rack.ts';
import { RackNetwork } from './rack-network.ts';

const RACK = '10.97.1.1';
const FIRST = '52:54:00:97:02:01';
const SECOND = '52:54:00:97:02:02';

/** The first network has one dynamic address. */
const configOf = (shared: string): string => `cluster_interfaces:
  - { name: lab, interface: br0, ip: ${RACK}, network: 10.97.1.0/24, router_ip: 10.97.1.254, ip_range_low: 10.97.1.100, ip_range_high: 10.97.1.110 }
  - { name: far, relayed: true, ${shared}network: 10.98.1.0/24, router_ip: 10.98.1.1, dns_servers: [${RACK}], ip_range_low: 10.98.1.100, ip_range_high: 10.98.1.100 }
  - { name: farther, relayed: true, ${shared}network: 10.98.2.0/24, router_ip: 10.98.2.1, dns_servers: [${RACK}], ip_range_low: 10.98.2.100, ip_range_high: 10.98.2.110 }
boot: { http: { listen: [] } }
log: { levels: { dhcp: debug } }
`;

/** Sets address and way out, as a client's own script would. */
const SCRIPT = `#!/bin/sh
case $1 in
  bound|renew) ip address replace "$ip/$mask" dev "$interface"; ip route replace default via "$router" ;;
  deconfig) ip address flush dev "$interface" ;;
esac
exit 0
`;

describe('two networks behind one relay agent', {
  skip: missing('linux', 'root', 'ip', 'busybox', 'udhcpc', 'dhcrelay'),
}, () => {
  let rack: RackNetwork;
  let far: string;

  before(async () => {
    rack = new RackNetwork('shared', RACK);
    const router = rack.namespace.addHost('router', '52:54:00:97:02:fe');
    await rack.run(router, 'ip', 'address', 'add', '10.97.1.254/24', 'dev', 'eth0');
    far = rack.addFarHost(router, 'far', FIRST, '10.98.1.1/24');
    await rack.run(router, 'ip', 'address', 'add', '10.98.2.1/24', 'dev', 'eth1');
    await rack.run(undefined, 'ip', 'route', 'add', '10.98.0.0/16', 'via', '10.97.1.254');
    writeFileSync(join(rack.directory, 'script'), SCRIPT, { mode: 0o755 });
    rack.configure(configOf(''));
    await rack.start();
    rack.launch(router, 'dhcrelay', '-4', '-d', '-a', '-id', 'eth1', '-iu', 'eth0', '--no-pid', RACK);
  });
  after(() => rack?.remove());

  const udhcpc = ['busybox', 'udhcpc', '-f', '-i', 'eth0'];
  const ask = (mac: string, ...words: readonly string[]) =>
    rack
      .run(far, 'ip', 'link', 'set', 'eth0', 'address', mac)
      .then(() => rack.run(far, ...udhcpc, '-s', join(rack.directory, 'script'), '-t', '5', '-T', '1', ...words));
  const acks = (mac: string, from = 0) => rack.events('dhcp.ack', from).filter((line) => line.mac === mac);

  test('the second gives addresses when the first is full, once a reload makes them one shared network', async () => {
    assert.equal((await ask(FIRST, '-n', '-q')).code, 0);
    const first = await eventually('its lease is told', () => acks(FIRST)[0]);
    assert.equal(`${first.address} ${first.subnet}`, '10.98.1.100 far');
    assert.notEqual((await ask(SECOND, '-n', '-q')).code, 0);
    await rack.reported('dhcp.refused', ({ reason }) => reason === 'range-exhausted');

    const from = rack.lines.length;
    rack.configure(configOf('shared: hall, '));
    await rack.reported('config.applied', () => true, from);
    assert.equal((await ask(SECOND, '-n', '-q')).code, 0);
    const given = await eventually('its lease is told', () => acks(SECOND, from)[0]);
    assert.match(`${given.address} ${given.subnet}`, /^10\.98\.2\.1\d\d farther$/);

    // Its renewal goes to the rack itself, through the router, and another asking through the relay finds its lease.
    const again = rack.lines.length;
    const running = rack.launch(far, ...udhcpc, '-R', '-s', join(rack.directory, 'script'));
    await eventually('the lease is found', () => acks(SECOND, again).find(({ renewal }) => renewal === true));
    await eventually('the address is set', async () =>
      (await rack.run(far, 'ip', '-4', 'address', 'show', 'dev', 'eth0')).out.includes(String(given.address)),
    );
    running.child.kill('SIGUSR1');
    const renewed = await eventually('it renews at the rack', () => acks(SECOND, again)[1]);
    assert.deepEqual([renewed.address, renewed.interfaceName], [given.address, undefined]);
    await running.end('SIGTERM');
    const { address } = await rack.reported('dhcp.release', () => true, again);
    assert.equal(address, given.address);
    assert.deepEqual(rack.events('dhcp.nak'), []);
  });
});
