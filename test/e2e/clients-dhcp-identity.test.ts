// Client identity and strangers, as real clients see a complete rack: two hosts of one hardware address told apart by their identifiers,
// and known hosts during a flood of requests in many names.
// @host waits

import assert from 'node:assert/strict';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { EVENT_RATE } from '../../src/rate-limit.ts';
import { leasesShape } from '../support/answer-shapes.ts';
import { clientScript } from '../support/client-script.ts';
import { missing } from '../support/needs.ts';
import { eventually, well } from '../support/running-rack.ts';
import { RackNetwork, type Running } from './rack-network.ts';

const skip = missing('linux', 'root', 'ip', 'busybox', 'udhcpc', 'dhclient');

const RACK = '10.79.0.1';
const FLOODER = '10.79.0.66';
const RELAY = '10.80.0.1';
/** Of two hosts. */
const SHARED = '52:54:00:79:02:01';
const KNOWN = '52:54:00:79:02:02';
const NEW = '52:54:00:79:02:03';
const PER_SECOND = 2;
const AT_ONCE = PER_SECOND * 10;
const FLOOD = 600;
/** DISCOVERs a second. */
const FLOOD_RATE = '2000';

const configOf = (identity: string): string => `dhcp:
  new_clients_per_second: ${PER_SECOND}
cluster_interfaces:
  - name: lab
    interface: br0
    ip: ${RACK}
    network: 10.79.0.0/16
    ip_range_low: 10.79.4.0
    ip_range_high: 10.79.7.255
    identity: ${identity}
    conflict_check: false
    hosts: [{ mac: "${KNOWN}", ip: 10.79.0.20 }]
  - name: far
    relayed: true
    network: 10.80.0.0/16
    router_ip: ${RELAY}
    ip_range_low: 10.80.4.0
    ip_range_high: 10.80.7.255
    dns_servers: [${RACK}]
    conflict_check: false
`;

describe('identification of DHCP clients', { skip }, () => {
  let rack: RackNetwork;
  let hosts: Readonly<Record<'one' | 'two' | 'known' | 'new' | 'flooder', string>>;
  const scratch = (name: string): string => join(rack.directory, name);

  before(async () => {
    rack = new RackNetwork('identity', RACK, 16);
    hosts = {
      one: rack.namespace.addHost('one', SHARED),
      two: rack.namespace.addHost('two', SHARED),
      known: rack.namespace.addHost('known', KNOWN),
      new: rack.namespace.addHost('new', NEW),
      flooder: rack.namespace.addHost('flooder', '52:54:00:79:02:0f'),
    };
    await rack.run(hosts.flooder, 'ip', 'address', 'add', `${FLOODER}/16`, 'dev', 'eth0');
    await rack.run(hosts.flooder, 'ip', 'route', 'add', 'default', 'dev', 'eth0');
    await rack.run(undefined, 'ip', 'route', 'add', '10.80.0.0/16', 'via', FLOODER);
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
  /** udhcpc, once; undefined: it got nothing. */
  const ask = async (host: keyof typeof hosts, ...more: readonly string[]): Promise<string | undefined> => {
    rmSync(scratch(`${host}.turns`), { force: true });
    const { code } = await rack.run(hosts[host], ...udhcpc(host, '-n', '-q', '-t', '2', ...more));
    return code === 0 ? turn(host, ['bound']) : undefined;
  };
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
  const offeredTo = (prefix: string, from: number): number =>
    rack.events('dhcp.offer', from).filter(({ mac }) => String(mac).startsWith(prefix)).length;
  const flood = async (...words: readonly string[]): Promise<void> => {
    const program = join(import.meta.dirname, 'dhcp-flood.ts');
    await well(rack.run(hosts.flooder, process.execPath, program, ...words));
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

  test('a flood of invented clients is limited on the interface, and known clients are still served', async () => {
    const before = (await ask('one', '-t', '8', '-x', '0x3d:006f6e65')) ?? '';
    assert.match(before, /^10\.79\.[4-7]\./);
    const from = rack.lines.length;
    const startedMs = Date.now();
    const program = join(import.meta.dirname, 'dhcp-flood.ts');
    const words = ['255.255.255.255', '100000', '02:a1:00:00:00:00', FLOOD_RATE];
    const flooding = rack.launch(hosts.flooder, process.execPath, program, ...words);
    const limited = await rack.reported('dhcp.new-clients-limited', () => true, from);
    assert.equal(limited.place, 'br0');
    assert.match((await ask('new', '-t', '8')) ?? '', /^10\.79\.[4-7]\./, 'a new client is served when it asks again');
    assert.equal(await ask('one', '-t', '8', '-x', '0x3d:006f6e65'), before, 'a lease holder gets it again');
    assert.equal(await ask('known', '-t', '8'), '10.79.0.20', 'and so does a client with a reservation');
    assert.equal(flooding.child.exitCode, null, `it floods still: ${flooding.text()}`);
    await flooding.end();
    const seconds = Math.ceil((Date.now() - startedMs) / 1000);
    const offered = offeredTo('02:a1:', from);
    assert.ok(offered > 0 && offered <= AT_ONCE + PER_SECOND * seconds, `${offered} were offered in ${seconds} s`);
    const held = rack.events('dhcp.refused', from).filter(({ reason }) => reason === 'too-many-new-clients');
    const { burst, perSecond } = EVENT_RATE;
    assert.ok(held.length > 0 && held.length <= burst + perSecond * seconds, `${held.length} were told`);
    assert.ok(
      held.some(({ count = 0 }) => Number(count) > 1),
      'and stand for more',
    );
  });

  test('a flood on one circuit of a relay agent is limited there, and another circuit is served', async () => {
    const from = rack.lines.length;
    const startedMs = Date.now();
    await flood(RACK, String(FLOOD), '02:a2:00:00:00:00', FLOOD_RATE, RELAY, 'ge-0');
    await flood(RACK, '3', '02:a3:00:00:00:00', FLOOD_RATE, RELAY, 'ge-1');
    await eventually('the other circuit is served', () => offeredTo('02:a3:', from) === 3);
    const seconds = Math.ceil((Date.now() - startedMs) / 1000);
    const offered = offeredTo('02:a2:', from);
    assert.ok(offered > 0 && offered <= AT_ONCE + PER_SECOND * seconds, `${offered} of ${FLOOD} in ${seconds} s`);
    const circuit = Buffer.from('ge-0').toString('hex');
    const limited = await rack.reported('dhcp.new-clients-limited', () => true, from);
    assert.equal(limited.place, `relay ${RELAY}, circuit ${circuit}`);
    assert.equal(await ask('known', '-t', '8'), '10.79.0.20');
  });
});
