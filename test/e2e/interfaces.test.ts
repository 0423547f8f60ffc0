// A configured interface that is not there, is down, has no carrier, lacks its address, is deleted and created again: the log and `status`
// say so, machines there are served within two seconds of its coming, and those of another interface notice nothing. The real
// daemon with its real ports in a network of its own, other people's clients in two more, so as root.
// @host waits

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { statusShape } from '../../src/cli/terminal/shapes.ts';
import { systemClock } from '../../src/ground/clock.ts';
import { labPlace } from '../../src/lab/safe-lab.ts';
import { missing } from '../support/needs.ts';
import { enterOwnNetwork, ip, openPeer, type Peer } from '../support/own-network.ts';
import { eventually, RunningRack } from '../support/running-rack.ts';

const SKIP = missing('linux', 'root', 'ip', 'unshare', 'busybox', 'curl', 'dig');
if (SKIP === false) enterOwnNetwork();

/** The interface that comes and goes, and the one that stays. */
const COMES = { here: 'comes0', there: 'comes1', address: '10.61.0.1', octets: '10.61.0' };
const STAYS = { here: 'stays0', there: 'stays1', address: '10.62.0.1', octets: '10.62.0' };
type Wire = typeof COMES;
/** From an interface's appearance to its first answers: the promised two seconds, and the clients' own time. */
const PROMISED_MS = 3500;
/** The same on a host that has much else to do. */
const SERVED_MS_MAX = 30_000;

const network = (name: string, { here, address, octets }: Wire): string => `
  - name: ${name}
    interface: ${here}
    ip: ${address}
    network: ${octets}.0/24
    ip_range_low: ${octets}.100
    ip_range_high: ${octets}.199`;

describe('an interface that comes and goes', { skip: SKIP }, () => {
  let rack: RunningRack;
  let comes: Peer;
  let stays: Peer;
  let script = '';

  before(async () => {
    rack = new RunningRack(labPlace(24), () => '');
    rack.configure(
      `name: lab\nstate_dir: ${rack.stateDir}\nboot: { tree: ${rack.tree} }\n` +
        `cluster_interfaces:${network('comes', COMES)}${network('stays', STAYS)}\n`,
    );
    script = join(rack.directory, 'script');
    const bound = '#!/bin/sh\n[ "$1" = bound ] && ip addr replace "$ip/24" dev "$interface"\nexit 0\n';
    writeFileSync(script, bound, { mode: 0o755 });
    [comes, stays] = await Promise.all([openPeer(), openPeer()]);
    stays.cable(STAYS.here, STAYS.there);
    ip(`addr add ${STAYS.address}/24 dev ${STAYS.here}`);
    await rack.startWhole();
  });
  after(async () => {
    await comes.close();
    await stays.close();
    await rack.remove();
  });

  /** Runs a program to its end. @returns its output; rejects unless its exit code is 0. */
  async function run(peer: Peer, ...command: readonly string[]): Promise<string> {
    const child = peer.start(...command);
    let text = '';
    child.stdout?.on('data', (bytes: Buffer) => {
      text += bytes.toString('latin1');
    });
    child.stderr?.resume();
    const [code] = await once(child, 'close');
    assert.equal(code, 0, `${command.join(' ')}: ${text}`);
    return text;
  }

  const lease = (peer: Peer, wire: Wire): Promise<string> =>
    run(peer, 'busybox', 'udhcpc', '-f', '-n', '-q', '-i', wire.there, '-s', script, '-t', '10', '-T', '1');

  /** A lease, then a file by each way, the name by each way, and the region: each as soon as it is asked. */
  async function assertServed(peer: Peer, wire: Wire): Promise<void> {
    await lease(peer, wire);
    const curl = ['curl', '--silent', '--show-error', '--max-time', '15', '--output', '/dev/null'];
    const size = [...curl, '--write-out', '%{size_download}'];
    assert.equal(await run(peer, ...size, `tftp://${wire.address}/lpxelinux.0`), '44000', 'TFTP');
    const retry = ['--retry', '3', '--retry-delay', '1', '--retry-connrefused'];
    assert.equal(await run(peer, ...size, ...retry, `http://${wire.address}:5248/lpxelinux.0`), '44000', 'HTTP');
    await run(peer, ...curl, ...retry, `http://${wire.address}:5240/MAAS/api/version/`);
    for (const transport of ['+notcp', '+tcp']) {
      const dig = ['dig', '+short', '+time=1', '+tries=3', transport, `@${wire.address}`, 'lab.maas'];
      // dig does not ask again if no server listens yet; a machine does.
      await eventually(
        `DNS ${transport}`,
        async () => (await run(peer, ...dig).catch(() => '')).split('\n').includes(wire.address),
        SERVED_MS_MAX,
      );
    }
  }

  /** The log and the command say what the rack waits for; the other interface is served meanwhile. */
  async function assertWaits(from: number, reason: RegExp): Promise<void> {
    await rack.reported('interface.waiting', {
      from,
      limitMs: SERVED_MS_MAX,
      match: (line) => reason.test(String(line.reason)),
    });
    const { code, output } = await rack.rackboot('status', '--json');
    const status = statusShape.parse(JSON.parse(output.join('\n')));
    assert.equal(code, 1);
    const [coming, staying] = status.interfaces;
    assert.equal(coming?.serving, false);
    assert.match(coming?.reason ?? '', reason);
    assert.equal(staying?.serving, true);
    await assertServed(stays, STAYS);
  }

  const times: number[] = [];
  async function assertComes(change: () => void): Promise<void> {
    const from = rack.lines.length;
    const startedAt = systemClock.now();
    change();
    await Promise.all([
      rack.reported('interface.serving', {
        from,
        limitMs: SERVED_MS_MAX,
        match: (line) => line.interface === COMES.here,
      }),
      assertServed(comes, COMES),
    ]);
    times.push(systemClock.now() - startedAt);
  }

  test('is waited for until it exists, is up, has a link and has its address', async () => {
    await assertWaits(0, /comes0 does not exist/);
    let from = rack.lines.length;
    comes.cable(COMES.here, COMES.there);
    ip(`link set ${COMES.here} down`);
    await assertWaits(from, /comes0 is down/);
    from = rack.lines.length;
    comes.run('ip', 'link', 'set', COMES.there, 'down');
    ip(`link set ${COMES.here} up`);
    await assertWaits(from, /comes0 has no carrier/);
    from = rack.lines.length;
    comes.run('ip', 'link', 'set', COMES.there, 'up');
    await assertWaits(from, /comes0 does not have the address 10\.61\.0\.1/);
    await assertComes(() => ip(`addr add ${COMES.address}/24 dev ${COMES.here}`));
    const { interfaces } = await rack.status();
    assert.deepEqual(
      interfaces.map(({ serving }) => serving),
      [true, true],
    );
  });

  test('is served again when its carrier or its address comes back', async () => {
    let from = rack.lines.length;
    comes.run('ip', 'link', 'set', COMES.there, 'down');
    await assertWaits(from, /comes0 has no carrier/);
    await assertComes(() => comes.run('ip', 'link', 'set', COMES.there, 'up'));
    from = rack.lines.length;
    ip(`addr del ${COMES.address}/24 dev ${COMES.here}`);
    await assertWaits(from, /does not have the address/);
    await assertComes(() => ip(`addr add ${COMES.address}/24 dev ${COMES.here}`));
  });

  test('is served again after it came and went many times in a row', async () => {
    for (let times = 0; times < 20; times += 1) {
      ip(`link set ${COMES.here} down`);
      ip(`link set ${COMES.here} up`);
      if (times % 5 !== 0) continue;
      ip(`link del ${COMES.here}`);
      comes.cable(COMES.here, COMES.there);
      ip(`addr add ${COMES.address}/24 dev ${COMES.here}`);
    }
    await eventually('it is served', async () => (await rack.status()).interfaces.every(({ serving }) => serving));
    await assertServed(comes, COMES);
    await assertServed(stays, STAYS);
  });

  test('is served again when it is deleted and created again, and a download on another interface continues', async () => {
    const kernel = `http://${STAYS.address}:5248/amd64/generic/bookworm/commissioning/linux`;
    await lease(stays, STAYS);
    const download = run(
      stays,
      'curl',
      '--silent',
      '--limit-rate',
      '1M',
      '--output',
      '/dev/null',
      '--write-out',
      '%{size_download}',
      kernel,
    );
    for (let times = 0; times < 2; times += 1) {
      const from = rack.lines.length;
      ip(`link del ${COMES.here}`);
      await rack.reported('interface.waiting', { from, match: (line) => /does not exist/.test(String(line.reason)) });
      await assertComes(() => {
        comes.cable(COMES.here, COMES.there);
        ip(`addr add ${COMES.address}/24 dev ${COMES.here}`);
      });
    }
    assert.equal(await download, String(8 * 1024 * 1024));
    const about = rack.lines.filter((line) => line.event.startsWith('interface.') && line.interface === STAYS.here);
    assert.equal(about.length, 1, 'the other interface was served once, from the start on');
  });

  test('is told with the command that names it when it has another name, even at a start', async () => {
    ip(`link set ${COMES.here} down`);
    ip(`link set ${COMES.here} name other0`);
    ip('link set other0 up');
    await rack.stop();
    const from = rack.lines.length;
    await rack.startWhole();
    await assertWaits(from, /config set cluster_interfaces\.comes\.interface other0$/);
    const { output } = await rack.rackboot('doctor');
    assert.match(output.join('\n'), /^BAD {2}network comes: .*cluster_interfaces\.comes\.interface other0$/m);
    ip('link set other0 down');
    ip(`link set other0 name ${COMES.here}`);
    await assertComes(() => ip(`link set ${COMES.here} up`));
  });

  test('is served within the promised time', () => {
    assert.ok(Math.min(...times) <= PROMISED_MS, `it took, in ms: ${times.map(Math.round).join(' ')}`);
  });
});
