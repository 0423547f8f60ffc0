// One host of the wire floods it with ARP or with solicitations. The rack must still hear which host uses an address, and which machine looks
// for an IPv6 router.
// @host alone

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { after, before, describe, it } from 'node:test';
import { formatMac, type MacAddress, parseMac } from '../../src/ground/address.ts';
import { sleep, systemClock } from '../../src/ground/clock.ts';
import { NetThread } from '../../src/net/watch/interfaces.ts';
import type { Sighting } from '../../src/net/watch/neighbours.ts';
import type { Solicitation } from '../../src/net/watch/net-message.ts';
import { SENDER_RATE } from '../../src/net/watch/solicitation-gate.ts';
import { ThreadWire } from '../../src/net/watch/wire.ts';
import { ip as address } from '../support/lab-facts.ts';
import { missing } from '../support/needs.ts';
import { enterOwnNetwork, ip, openPeer, type Peer, until } from '../support/own-network.ts';

const SKIP = missing('linux', 'root', 'ip', 'unshare', 'busybox', 'sysctl');
if (SKIP === false) enterOwnNetwork();

const FLOOD = new URL('./wire-flood.ts', import.meta.url).pathname;
const FLOOD_SECONDS = 15;
const PROBES = 16;
/** Longer than twice the time after which the kernel must keep everything again (FILTER_MS). */
const LIFTED_MS = 11_000;
const HONEST = parseMac('52:54:00:00:00:10') ?? assert.fail();

describe('a wire that one host floods', { skip: SKIP }, () => {
  let attacker: Peer;
  let honest: Peer;
  let thread: NetThread;
  let wire: ThreadWire;
  const sightings: Sighting[] = [];
  const solicitations: Solicitation[] = [];

  before(async () => {
    ip('link add br0 type bridge');
    ip('address add 10.20.0.1/24 dev br0');
    ip('link set br0 up');
    [attacker, honest] = [await openPeer(), await openPeer()];
    attacker.cable('a0', 'eth0');
    honest.cable('h0', 'eth0');
    for (const cable of ['a0', 'h0']) ip(`link set ${cable} master br0`);
    // Its kernel would solicit as well.
    honest.run('sysctl', '-qw', 'net.ipv6.conf.eth0.accept_ra=0');
    honest.run('ip', 'link', 'set', 'eth0', 'address', formatMac(HONEST));
    for (let host = 0; host < PROBES; host += 1)
      honest.run('ip', 'address', 'add', `10.20.0.${50 + host}/24`, 'dev', 'eth0');
    wire = new ThreadWire(systemClock);
    wire.listen({
      onSightings: (heard) => sightings.push(...heard),
      onSolicitation: (solicitation) => solicitations.push(solicitation),
      onRouter: () => undefined,
      onAdvertised: () => undefined,
    });
    thread = new NetThread({
      onMessage: (message) => {
        if (message.kind === 'interfaces') wire.interfacesChanged(message.interfaces);
        wire.receive(message);
      },
      onFailure: (reason) => assert.fail(String(reason)),
    });
    wire.connect((message) => thread.post(message));
    wire.serve(['br0']);
    await until(() => wire.canProbe('br0'));
  });
  after(async () => {
    await thread?.stop();
    await attacker?.close();
    await honest?.close();
    execFileSync('ip', ['link', 'delete', 'br0']);
  });

  /** Runs `during` in the middle of a flood. */
  async function flooded(what: 'arp' | 'solicit', during: () => Promise<void>): Promise<void> {
    const flood = attacker.start(process.execPath, FLOOD, 'eth0', what, String(FLOOD_SECONDS));
    flood.stderr?.pipe(process.stderr);
    try {
      await sleep(1500);
      assert.equal(flood.exitCode, null);
      await during();
    } finally {
      flood.kill('SIGKILL');
      await once(flood, 'close');
    }
  }

  it('with ARP still shows which host uses a probed address, every time', async () => {
    await flooded('arp', async () => {
      const found: (MacAddress | undefined)[] = [];
      for (let host = 0; host < PROBES; host += 1)
        found.push(await wire.findUser(address(`10.20.0.${50 + host}`), 'br0'));
      assert.deepEqual(found, Array(PROBES).fill(HONEST));
    });
  });

  it('with solicitations of one host shows every one of a machine that boots', async () => {
    await flooded('solicit', async () => {
      wire.noteBooting(HONEST, { rank: 'machine', share: '' });
      // The kernel's filter is updated within 100 ms.
      await sleep(1000);
      const heard = (): number => solicitations.filter(({ mac }) => mac === HONEST).length;
      for (let time = 1; time <= SENDER_RATE.burst; time += 1) {
        honest.run(process.execPath, FLOOD, 'eth0', 'solicit', '0');
        await until(() => heard() === time);
      }
      const others = solicitations.length - heard();
      assert.ok(others < 40, `${others} of the flood were reported`);
    });
  });

  it('shows every host again once solicitations no longer flood it', async () => {
    await sleep(LIFTED_MS);
    const before = solicitations.length;
    for (let time = 0; time < 3; time += 1) attacker.run(process.execPath, FLOOD, 'eth0', 'solicit', '0');
    await until(() => solicitations.length >= before + 3);
  });
});
