// A distant host speaks in the name of a relay agent, whose clients must still be served. Other people's client and relay agent in network
// namespaces, the real daemon.
// @host waits

import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { leasesShape } from '../support/answer-shapes.ts';
import { missing } from '../support/needs.ts';
import { well } from '../support/running-rack.ts';
import { RackNetwork } from './rack-network.ts';

const RACK = '10.99.1.1';
const FAR = '52:54:00:99:02:04';
const RELAY = '10.99.2.1';

const CONFIG = `cluster_interfaces:
  - name: lab
    interface: br0
    ip: ${RACK}
    network: 10.99.1.0/24
    ip_range_low: 10.99.1.100
    ip_range_high: 10.99.1.199
  - name: far
    relayed: true
    network: 10.99.2.0/24
    router_ip: ${RELAY}
    ip_range_low: 10.99.2.100
    ip_range_high: 10.99.2.110
    dns_servers: [${RACK}]
`;

/** Sets the address as a client's own script would. */
const SCRIPT = '#!/bin/sh\n[ "$1" = bound ] && ip address replace "$ip/24" dev "$interface"\nexit 0\n';

describe('DHCP behind a relay agent', { skip: missing('linux', 'root', 'ip', 'busybox', 'dhcrelay') }, () => {
  let rack: RackNetwork;

  before(async () => {
    rack = new RackNetwork('hostile', RACK);
    writeFileSync(join(rack.directory, 'script'), SCRIPT, { mode: 0o755 });
    rack.configure(CONFIG);
    await rack.start();
  });
  after(() => rack?.remove());

  test('a remote host takes no address in the name of a relay agent and ends no lease; the agent’s clients are served', async () => {
    const router = rack.namespace.addHost('router', '52:54:00:99:02:fe');
    await rack.run(router, 'ip', 'address', 'add', '10.99.1.254/24', 'dev', 'eth0');
    const far = rack.addFarHost(router, 'far', FAR, `${RELAY}/24`);
    const gateway = rack.namespace.addHost('gateway', '52:54:00:99:02:fd');
    await rack.run(gateway, 'ip', 'address', 'add', '10.99.1.253/24', 'dev', 'eth0');
    const foreign = rack.addFarHost(gateway, 'foreign', '52:54:00:99:02:05', '198.18.0.1/24');
    await rack.run(foreign, 'ip', 'address', 'add', '198.18.0.2/24', 'dev', 'eth0');
    await rack.run(foreign, 'ip', 'route', 'add', 'default', 'via', '198.18.0.1');
    await rack.run(undefined, 'ip', 'route', 'add', '10.99.2.0/24', 'via', '10.99.1.254');
    await rack.run(undefined, 'ip', 'route', 'add', '198.18.0.0/24', 'via', '10.99.1.253');
    rack.launch(router, 'dhcrelay', '-4', '-d', '-id', 'eth1', '-iu', 'eth0', '--no-pid', RACK);
    const script = join(rack.directory, 'script');
    const ask = ['busybox', 'udhcpc', '-f', '-n', '-q', '-i', 'eth0', '-s', script, '-t', '10', '-T', '1'];
    assert.equal((await rack.run(far, ...ask)).code, 0);
    const held = await rack.reported('dhcp.ack', ({ mac }) => mac === FAR);

    const from = rack.lines.length;
    const program = join(import.meta.dirname, 'dhcp-forger.ts');
    const words = [RACK, RELAY, FAR, String(held.address), '10.99.2.100', '11'];
    await well(rack.run(foreign, process.execPath, program, ...words));
    const refused = await rack.reported('dhcp.refused', ({ reason }) => reason === 'relay-source-unknown', from);
    assert.deepEqual([refused.from, refused.relay], ['198.18.0.2', RELAY]);
    const listed = await rack.rackboot('leases', 'list', '--json', '--network', 'far');
    const leases = leasesShape.parse(JSON.parse(listed.out));
    assert.deepEqual(
      leases.map(({ mac, address, state }) => `${mac} ${address} ${state}`),
      [`${FAR} ${held.address} bound`],
    );
    await rack.run(far, 'ip', 'link', 'set', 'eth0', 'address', '52:54:00:99:02:06');
    assert.equal((await rack.run(far, ...ask)).code, 0, 'a new host behind the relay agent is served');
  });
});
