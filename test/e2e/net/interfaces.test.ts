// Interfaces that come, go and come again: the watch sees them, and sockets bound to them follow.
// @host waits

import assert from 'node:assert/strict';
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { after, afterEach, before, describe, it } from 'node:test';
import { formatIpv4, formatMac, parseIpv4 } from '../../../src/ground/address.ts';
import { systemClock } from '../../../src/ground/clock.ts';
import type { HostInterface } from '../../../src/net/host-interface.ts';
import { type InterfaceWatch, openInterfaceWatch } from '../../../src/net/watch/interfaces.ts';
import { AS_NOBODY, readableCheckout } from '../../support/another-user.ts';
import { ended, endProgram, whileRunning } from '../../support/child.ts';
import { missing } from '../../support/needs.ts';
import { enterOwnNetwork, ip, openPeer, type Peer, until } from '../../support/own-network.ts';
import { VirtualClock } from '../../support/virtual-clock.ts';

const SKIP = missing('linux', 'root', 'ip', 'unshare', 'setpriv');
if (SKIP === false) enterOwnNetwork();

/** A change must be seen within this time, in milliseconds. */
const SEEN_WITHIN_MS = 2500;

const addressesOf = (each: HostInterface | undefined): readonly string[] =>
  (each?.addresses ?? []).map(({ address, prefix }) => `${formatIpv4(address)}/${prefix}`);

describe('the interface watch', { skip: SKIP }, () => {
  let watch: InterfaceWatch;
  const find = (name: string): HostInterface | undefined => watch.current().find((each) => each.name === name);

  before(async () => {
    watch = await openInterfaceWatch({ clock: systemClock });
    assert.deepEqual(watch.notes, []);
  });
  after(() => watch.close());

  it('knows loopback from the start', () => {
    assert.deepEqual(addressesOf(find('lo')), ['127.0.0.1/8']);
  });

  it('sees an interface come with its address, and go', async () => {
    let reported = 0;
    const end = watch.onChange((interfaces) => {
      reported += 1;
      assert.equal(interfaces, watch.current());
    });
    ip('link add rbi0 address 52:54:00:00:00:0a type veth peer name rbi1');
    ip('link set rbi0 up');
    ip('link set rbi1 up');
    ip('addr add 10.20.0.1/24 dev rbi0');
    await until(() => addressesOf(find('rbi0')).length === 1, SEEN_WITHIN_MS);
    assert.deepEqual(addressesOf(find('rbi0')), ['10.20.0.1/24']);
    // The other side is switched off: the carrier goes, the address stays.
    ip('link set rbi1 down');
    await until(() => find('rbi0')?.carrier === false, SEEN_WITHIN_MS);
    assert.deepEqual(addressesOf(find('rbi0')), ['10.20.0.1/24']);
    ip('link set rbi1 up');
    await until(() => find('rbi0')?.carrier === true, SEEN_WITHIN_MS);
    const mac = find('rbi0')?.mac;
    assert.equal(mac === undefined ? undefined : formatMac(mac), '52:54:00:00:00:0a');
    assert.equal(find('rbi0')?.up, true);
    ip('route add default via 10.20.0.254 dev rbi0');
    await until(() => find('rbi0')?.outward !== undefined, SEEN_WITHIN_MS);
    assert.equal(formatIpv4(find('rbi0')?.outward?.router ?? assert.fail()), '10.20.0.254', 'a route alone');
    ip('route replace default via 10.20.0.253 dev rbi0');
    await until(() => find('rbi0')?.outward?.router === parseIpv4('10.20.0.253'), SEEN_WITHIN_MS);
    ip('route del default');
    await until(() => find('rbi0')?.outward === undefined, SEEN_WITHIN_MS);
    ip('addr del 10.20.0.1/24 dev rbi0');
    await until(() => addressesOf(find('rbi0')).length === 0, SEEN_WITHIN_MS);
    ip('link del rbi0');
    await until(() => find('rbi0') === undefined, SEEN_WITHIN_MS);
    assert.ok(reported >= 3);
    end();
  });

  it('reports index, carrier and the up state', async () => {
    ip('link add rbj0 type veth peer name rbj1');
    ip('link set rbj0 up');
    await until(() => find('rbj0')?.up === true);
    assert.equal(find('rbj0')?.carrier, false);
    ip('link set rbj1 up');
    await until(() => find('rbj0')?.carrier === true);
    const index = find('rbj0')?.index ?? 0;
    assert.ok(index > 0);
    ip('link del rbj0');
    ip('link add rbj0 type veth peer name rbj1');
    await until(() => (find('rbj0')?.index ?? index) !== index);
    ip('link del rbj0');
    await until(() => find('rbj0') === undefined);
  });

  it('keeps an interface that joins and leaves a bridge', async () => {
    const seen: boolean[] = [];
    ip('link add rbk0 type veth peer name rbk1');
    ip('link add rbbr type bridge');
    await until(() => find('rbk0') !== undefined && find('rbbr') !== undefined);
    const end = watch.onChange(() => seen.push(find('rbk0') !== undefined));
    ip('link set rbk0 master rbbr');
    ip('link set rbk0 nomaster');
    ip('link set rbk0 up');
    await until(() => find('rbk0')?.up === true);
    end();
    assert.ok(seen.every(Boolean));
    ip('link del rbk0');
    ip('link del rbbr');
  });

  it('follows two hundred interfaces created and deleted in one go', async () => {
    const lines = (verb: string): string =>
      Array.from({ length: 100 }, (_, index) => `${verb.replaceAll('%', String(index))}\n`).join('');
    const batch = (input: string): void => {
      assert.equal(spawnSync('ip', ['-batch', '-'], { input }).status, 0);
    };
    batch(lines('link add rbm% type veth peer name rbn%') + lines('addr add 10.50.%.1/24 dev rbm%'));
    await until(() => watch.current().filter((each) => each.name.startsWith('rbm')).length === 100);
    await until(() => addressesOf(find('rbm99')).length === 1);
    batch(lines('link del rbm%'));
    await until(() => watch.current().every((each) => !/^rb[mn]/.test(each.name)));
  });
});

describe('the interface watch whose thread has failed', { skip: SKIP }, () => {
  it('has the interfaces, says why it hears no changes, and starts another thread', async () => {
    const clock = new VirtualClock();
    process.once('worker', (worker) => void worker.terminate());
    const watch = await openInterfaceWatch({ clock });
    assert.ok(watch.current().some(({ name }) => name === 'lo'));
    assert.deepEqual(
      watch.notes.map(({ note }) => note),
      ['interfaces-unheard', 'arp-unheard', 'routers-unanswered'],
    );
    clock.advance(10_000);
    await until(() => watch.notes.length === 0);
    ip('link add rbf0 type veth peer name rbf1');
    await until(() => watch.current().some(({ name }) => name === 'rbf0'), SEEN_WITHIN_MS);
    ip('link del rbf0');
    await watch.close();
  });
});

describe('a socket bound to a device', { skip: SKIP }, () => {
  let peer: Peer;
  let program: ChildProcess;
  let out = '';

  before(async () => {
    peer = await openPeer();
  });
  after(() => peer.close());
  afterEach(async () => {
    await endProgram(program, 'SIGKILL');
    ip('link del rbq0');
  });

  function shout(word: string): void {
    const code = `const s=require('dgram').createSocket('udp4');
      s.bind(6768,'10.20.0.9',()=>{s.setBroadcast(true);s.send('${word}',6767,'255.255.255.255',()=>s.close())})`;
    peer.run(process.execPath, '-e', code);
  }

  function makeCable(): void {
    peer.cable('rbq0', 'rbq1');
    ip('addr add 10.20.0.1/24 brd + dev rbq0');
    peer.run('ip', 'addr', 'add', '10.20.0.9/24', 'brd', '+', 'dev', 'rbq1');
  }

  for (const [who, prefix] of [
    ['root, on the same socket', []],
    ['a user without privileges, by a new socket', AS_NOBODY],
  ] as const) {
    it(`receives again when the device was created again, for ${who}`, async () => {
      makeCable();
      const { root, node } = readableCheckout();
      const script = join(root, 'test/e2e/net/device-listener.ts');
      const [command = '', ...args] = [...prefix, node, script, 'rbq0', '6767'];
      out = '';
      program = spawn(command, args, { stdio: ['ignore', 'pipe', 'inherit'] });
      program.stdout?.on('data', (chunk) => {
        out += chunk;
      });
      const heard = (condition: () => boolean): Promise<void> => whileRunning(program, until(condition), () => out);
      await heard(() => out.includes('ready'));
      shout('before');
      await heard(() => out.includes('heard before from 10.20.0.9'));
      ip('link del rbq0');
      await heard(() => out.includes('index 0'));
      makeCable();
      await heard(() => /index 0\n(.*\n)*index [1-9]/.test(out));
      await heard(() => {
        shout('again');
        return out.includes('heard again from 10.20.0.9');
      });
      assert.ok(!out.includes('receive error'), out);
    });
  }
});

describe('a process that watches the interfaces', { skip: missing('linux') }, () => {
  const script = new URL('./ending.ts', import.meta.url).pathname;
  for (const [way, status] of [
    ['fall', 0],
    ['exit', 0],
    ['close', 0],
    ['throw', 1],
  ] as const) {
    it(`ends without waiting for the sleeping thread (${way})`, async () => {
      // A thread that begins to sleep sleeps for 2 s. On a busy host an end may take as long, but not each one.
      const durations: number[] = [];
      while (durations.length < 5 && durations.every((ms) => ms >= 1000)) {
        const program = spawn(process.execPath, [script, way], { stdio: ['ignore', 'pipe', 'ignore'] });
        let readyAt = systemClock.now();
        program.stdout.once('data', () => {
          readyAt = systemClock.now();
        });
        assert.equal(await ended(program), status);
        durations.push(systemClock.now() - readyAt);
      }
      assert.ok(
        durations.some((ms) => ms < 1000),
        `${durations.join(', ')} ms after its first word`,
      );
    });
  }
});
