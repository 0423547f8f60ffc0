// An attacker asks in the names of hosts that do not exist. The replies wait in the kernel for an ARP answer that never comes, and fill the
// send buffer of the socket. All other hosts on the wire must still be answered.
// @host alone
// @long more

import assert from 'node:assert/strict';
import { type ChildProcess, execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { after, before, describe, it } from 'node:test';
import { Names } from '../../src/dns/names.ts';
import { DnsServer } from '../../src/dns/server.ts';
import { sleep, systemClock } from '../../src/ground/clock.ts';
import type { HostNetwork } from '../../src/net/datagrams/datagram.ts';
import { openNetwork } from '../../src/net/datagrams/udp-linux.ts';
import { net, queryBytes, SITE } from '../dns/fixture.ts';
import { ip as address } from '../support/lab-facts.ts';
import { missing } from '../support/needs.ts';
import { enterOwnNetwork, ip, openPeer, type Peer } from '../support/own-network.ts';
import { HAS_MANY_ROUNDS } from '../support/rounds.ts';

const RACK = '10.20.0.1';
const FLOOD_PER_SECOND = 4000;
const FLOOD_SECONDS = 5;
const QUESTIONS = 30;
const ASK = new URL('../hostile/udp-ask.ts', import.meta.url).pathname;
const FLOOD = new URL('../hostile/udp-flood.ts', import.meta.url).pathname;

/** Asked of ip(8), for /sys shows the devices of the namespace that mounted it. */
const macOf = (device: string): string =>
  /link\/ether (\S+)/.exec(execFileSync('ip', ['link', 'show', device], { encoding: 'utf8' }))?.[1] ?? '';

const SKIP = missing('linux', 'root', 'ip', 'sysctl');

before(() => (SKIP === false ? enterOwnNetwork() : undefined));

const all = [
  ['a send buffer as large as the system allows', undefined, !HAS_MANY_ROUNDS ? [1, 180] : [1, 16, 180]],
  // The kernel doubles it, to the default of a socket.
  ['a send buffer of the default size', 106_496, [1, 180]],
] as const;
for (const [sockets, sendBufferBytes, counts] of !HAS_MANY_ROUNDS ? all.slice(0, 1) : all)
  describe(`replies to hosts that do not exist, with ${sockets}`, { skip: SKIP }, () => {
    let attacker: Peer;
    let honest: Peer;
    let network: HostNetwork;
    let server: DnsServer;

    before(async () => {
      ip('link add br0 type bridge');
      ip(`address add ${RACK}/24 dev br0`);
      ip('link set br0 up');
      [attacker, honest] = [await openPeer(), await openPeer()];
      for (const [peer, name, own] of [
        [attacker, 'a0', '10.20.0.66'],
        [honest, 'h0', '10.20.0.10'],
      ] as const) {
        peer.cable(name, 'eth0');
        ip(`link set ${name} master br0`);
        peer.run('ip', 'address', 'add', `${own}/24`, 'dev', 'eth0');
      }
      // It has the addresses, but answers no ARP for any, and asks none in their names.
      attacker.run('sysctl', '-q', '-w', 'net.ipv4.conf.all.arp_ignore=8');
      attacker.run('ip', 'neighbour', 'replace', RACK, 'lladdr', macOf('br0'), 'dev', 'eth0', 'nud', 'permanent');
      network = await openNetwork(sendBufferBytes);
      server = new DnsServer({ network, clock: systemClock, publish: () => {}, names: new Names({ serial: 1 }) });
      const records = [{ name: 'rack.maas', type: 'A' as const, data: RACK }];
      await server.configure({ ...SITE, listen: [address(RACK)], clients: [net('10.20.0.0/24')], records });
    });
    after(async () => {
      await server?.close();
      await network?.close();
      await attacker?.close();
      await honest?.close();
      ip('link delete br0');
    });

    for (const absent of counts) {
      it(`of ${absent} addresses leave the others' questions answered`, async () => {
        const addresses = Array.from({ length: absent }, (_, index) => `10.20.0.${70 + index}`);
        for (const each of addresses) attacker.run('ip', 'address', 'replace', `${each}/24`, 'dev', 'eth0');
        const query = Buffer.from(queryBytes('rack.maas', 1)).toString('hex');
        const flood = attacker.start(
          process.execPath,
          FLOOD,
          RACK,
          '53',
          String(FLOOD_PER_SECOND),
          String(FLOOD_SECONDS),
          query,
          ...addresses,
        );
        try {
          await sleep(1000);
          const asked = ['10.20.0.1', '53', String(QUESTIONS), '100', query];
          const answered = Number(await outputOf(honest.start(process.execPath, ASK, ...asked)));
          assert.ok(answered >= QUESTIONS * 0.95, `${answered} of ${QUESTIONS} questions were answered`);
        } finally {
          flood.kill('SIGKILL');
        }
      });
    }
  });

async function outputOf(child: ChildProcess): Promise<string> {
  let text = '';
  child.stdout?.on('data', (bytes: Buffer) => {
    text += bytes.toString('utf8');
  });
  child.stderr?.pipe(process.stderr);
  await once(child, 'close');
  return text.trim();
}
