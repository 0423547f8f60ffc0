// Client identity as real clients see a complete rack: two hosts of one hardware address, told apart by their identifiers.
// @host waits

import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { leasesShape } from '../support/answer-shapes.ts';
import { clientScript } from '../support/client-script.ts';
import { missing } from '../support/needs.ts';
import { eventually, well } from '../support/running-rack.ts';
import { RackNetwork, type Running } from './rack-network.ts';

const skip = missing('linux', 'root', 'ip', 'busybox', 'udhcpc', 'dhclient');

const RACK = '10.79.0.1';
/** Of two hosts. */
const SHARED = '52:54:00:79:02:01';

const configOf = (identity: string): string => `cluster_interfaces:
  - name: lab
    interface: br0
    ip: ${RACK}
    network: 10.79.0.0/16
    ip_range_low: 10.79.4.0
    ip_range_high: 10.79.7.255
    identity: ${identity}
    conflict_check: false
`;

describe('identification of DHCP clients', { skip }, () => {
  let rack: RackNetwork;
  let hosts: Readonly<Record<'one' | 'two', string>>;
  const scratch = (name: string): string => join(rack.directory, name);

  before(async () => {
    rack = new RackNetwork('identity', RACK, 16);
    hosts = { one: rack.namespace.addHost('one', SHARED), two: rack.namespace.addHost('two', SHARED) };
    for (const name of Object.keys(hosts)) writeFileSync(scratch(name), clientScript(16), { mode: 0o755 });
    rack.configure(configOf('client-id'));
    await rack.start();
  });
  after(() => rack?.remove());

  const turns = (host: string): readonly { readonly turn: string; readonly ip: string }[] => {
    try {
      const lines = readFileSync(scratch(`${host}.turns`), 'utf8')
        .trim()
        .split('\n');
      return lines.map((line) => {
        const [turn = '', ip = ''] = line.split(' ');
        return { turn, ip };
      });
    } catch {
      return [];
    }
  };
  /** Waits for a turn of the client on a host, after the first `from` of them; its address. */
  const turn = async (host: string, names: readonly string[], from = 0): Promise<string> => {
    const found = await eventually(`${names} on ${host}: ${JSON.stringify(turns(host))}`, () =>
      turns(host)
        .slice(from)
        .find((one) => names.includes(one.turn)),
    );
    return found.ip;
  };
  const udhcpc = (host: keyof typeof hosts, ...more: readonly string[]): readonly string[] => [
    'busybox',
    'udhcpc',
    '-f',
    '-B',
    '-i',
    'eth0',
    '-s',
    scratch(host),
    '-T',
    '1',
    ...more,
  ];
  const running = async (): Promise<readonly string[]> => {
    const listed = await rack.well('leases', 'list', '--json');
    const leases = leasesShape.parse(JSON.parse(listed));
    return leases.filter(({ mac, state }) => mac === SHARED && state === 'bound').map(({ address }) => address);
  };
  const reload = async (identity: string): Promise<void> => {
    const from = rack.lines.length;
    rack.configure(configOf(identity));
    await rack.reported('config.applied', () => true, from);
  };

  test('two hosts with one hardware address have an address each, and keep it when identifiers cease to count', async () => {
    const one = rack.launch(hosts.one, ...udhcpc('one', '-R', '-x', '0x3d:006f6e65'));
    const first = await turn('one', ['bound']);
    const conf = 'send dhcp-client-identifier "two";\ninitial-interval 1;\nsupersede dhcp-renewal-time 3;\n';
    writeFileSync(scratch('dhclient.conf'), conf);
    const files = ['-cf', 'dhclient.conf', '-lf', 'dhclient.leases', '-pf', 'dhclient.pid'].map((word) =>
      word.startsWith('-') ? word : scratch(word),
    );
    const words = ['-4', ...files, '-sf', scratch('two')];
    const two: Running = rack.launch(hosts.two, 'dhclient', '-d', ...words, 'eth0');
    const second = await turn('two', ['BOUND']);
    assert.notEqual(first, second);
    assert.deepEqual([...(await running())].sort(), [first, second].sort());

    for (const identity of ['mac', 'client-id']) {
      await reload(identity);
      const [ofOne, ofTwo] = [turns('one').length, turns('two').length];
      one.child.kill('SIGUSR1');
      assert.equal(await turn('one', ['renew'], ofOne), first, identity);
      assert.equal(await turn('two', ['RENEW'], ofTwo), second, identity);
      assert.deepEqual([...(await running())].sort(), [first, second].sort(), identity);
    }
    await reload('mac');
    await two.end('SIGKILL');
    const released = rack.lines.length;
    await well(rack.run(hosts.two, 'dhclient', '-r', ...words, 'eth0'));
    assert.equal((await rack.reported('dhcp.release', () => true, released)).address, second);
    assert.deepEqual(await running(), [first]);
    await reload('client-id');
    const ended = rack.lines.length;
    await one.end('SIGTERM');
    assert.equal((await rack.reported('dhcp.release', () => true, ended)).address, first);
    assert.deepEqual(await running(), []);
  });
});
