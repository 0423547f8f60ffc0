// Other programs that have ports of a rack, dnsmasq and a web server: `init`, `check`, `doctor` and a start that is refused name the same ones,
// and none of them a program that has the port of another interface only.
// @host waits

import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { missing } from '../support/needs.ts';
import { eventually, well } from '../support/running-rack.ts';
import { RackNetwork, type Running } from './rack-network.ts';

const skip = missing('linux', 'root', 'ip', 'dnsmasq');
const RACK = '10.77.14.1';
const WEB = `require('node:http').createServer().listen(80, '${RACK}', () => console.log('open'))`;
const OF_DNSMASQ = new RegExp(
  `0\\.0\\.0\\.0:67 on br0 \\(UDP\\), ${RACK}:69 \\(UDP\\), ${RACK}:53 \\(UDP, TCP\\).*, which cluster_interfaces, tftp\\.listen, dns\\.listen need, ` +
    'belong to dnsmasq \\(process \\d+[^)]*\\): stop it',
);
const OF_WEB = new RegExp(
  `${RACK}:80 \\(TCP\\), which boot\\.http\\.listen needs, belongs to node \\(process \\d+.*goes on without`,
);

describe('other programs at the ports of a rack', { skip }, () => {
  let rack: RackNetwork;

  const launchDnsmasq = async (name: string, device: string, more: string): Promise<Running> => {
    const config = join(rack.directory, `${name}.conf`);
    writeFileSync(config, `interface=${device}\nno-resolv\ndhcp-leasefile=${rack.directory}/${name}.leases\n${more}`);
    const running = rack.launch(undefined, 'dnsmasq', '-k', `--conf-file=${config}`, '--pid-file=', '--log-facility=-');
    await eventually(`${name} serves`, () => running.text().includes('IP range'));
    return running;
  };

  before(async () => {
    rack = new RackNetwork('ports', RACK);
    const ip = (...words: string[]): Promise<string> => well(rack.run(undefined, 'ip', ...words));
    await ip('link', 'add', 'virbr0', 'type', 'bridge');
    await ip('address', 'add', '192.0.2.1/24', 'dev', 'virbr0');
    await ip('link', 'set', 'virbr0', 'up');
    await launchDnsmasq('apart', 'virbr0', 'except-interface=lo\nbind-dynamic\ndhcp-range=192.0.2.100,192.0.2.200\n');
  });
  after(() => rack?.remove());

  test('a program on another bridge only is named by none of them', async () => {
    const init = await well(rack.rackboot('init', '--yes', '--interface', 'br0', '--state-dir', rack.stateDir));
    assert.doesNotMatch(init, /Beware {2}.*dnsmasq|Stop dnsmasq/);
    assert.doesNotMatch(await rack.well('check'), /dnsmasq/);
    await rack.start();
    assert.doesNotMatch((await rack.rackboot('doctor')).out, /BAD {2}port/);
    await rack.stop();
  });

  test('init, check, doctor and run name the same programs, each once, and what to do', async () => {
    const dnsmasq = await launchDnsmasq(
      'here',
      'br0',
      'bind-dynamic\nenable-tftp\ndhcp-range=10.77.14.100,10.77.14.110\n',
    );
    const web = rack.launch(undefined, process.execPath, '-e', WEB);
    await eventually('the web server listens', () => web.text().includes('open'));
    const check = await rack.well('check');
    assert.match(check, OF_DNSMASQ);
    assert.match(check, OF_WEB);
    assert.equal(check.match(/dnsmasq \(process/g)?.length, 1, check);
    assert.match(check, /\n {8}or, to keep it for other networks: bind-dynamic and except-interface=br0 in /);
    const doctor = await rack.rackboot('doctor');
    assert.match(doctor.out, OF_DNSMASQ);
    assert.match(doctor.out, OF_WEB);
    assert.match(doctor.out, /^note port 80:/m);
    await assert.rejects(rack.start(), { message: OF_DNSMASQ });
    const again = ['init', '--yes', '--mode', 'server', '--force', '--interface', 'br0', '--state-dir', rack.stateDir];
    const init = await well(rack.rackboot(...again));
    assert.match(init, OF_DNSMASQ);
    await dnsmasq.end();
    await rack.start();
    const served = await rack.rackboot('doctor');
    assert.match(served.out, OF_WEB);
    assert.doesNotMatch(served.out, /BAD {2}port/);
    await rack.stop();
  });
});
