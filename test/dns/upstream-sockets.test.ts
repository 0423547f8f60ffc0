// When the sockets towards upstreams are open: as long as questions are forwarded, and as long after that as an answer is waited for.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { DnsConfig } from '../../src/dns/config.ts';
import { FLIGHT_MS } from '../../src/dns/forward.ts';
import { Names } from '../../src/dns/names.ts';
import { DnsServer } from '../../src/dns/server.ts';
import { UPSTREAM_SOCKETS } from '../../src/dns/upstream-sockets.ts';
import { RackError } from '../../src/errors.ts';
import { ANY, ipv4 } from '../../src/net/address.ts';
import type { DatagramNetwork, SocketRequest } from '../../src/net/datagram.ts';
import { VirtualClock } from '../support/virtual-clock.ts';
import { SITE } from './fixture.ts';

const UPSTREAM = { address: ipv4(0x0a_09_00_35), port: 53 };
/** TCP listens on it, too, on a port that the system chooses. */
const HERE = ipv4(0x7f_00_00_01);

/** A network that counts what is open of the ports that the system chose for any address: those towards upstreams. */
class CountingNetwork implements DatagramNetwork {
  readonly kind = 'dgram';
  readonly notes = [];
  upstream = 0;
  refuses = false;

  async open({ address, port }: SocketRequest) {
    if (this.refuses) throw new RackError('socket-refused', 'no more sockets');
    const isUpstream = address === ANY && port === 0;
    if (isUpstream) this.upstream += 1;
    let isOpen = true;
    return {
      interfaceName: undefined,
      localAddress: address,
      localPort: port,
      send: () => undefined,
      sendSegments: () => undefined,
      counters: () => ({ received: 0, sent: 0, sendErrors: 0, receiveDrops: undefined }),
      close: () => {
        if (isOpen && isUpstream) this.upstream -= 1;
        isOpen = false;
      },
    };
  }

  async close(): Promise<void> {}
}

interface Place {
  readonly network: CountingNetwork;
  readonly clock: VirtualClock;
  readonly server: DnsServer;
  configure(changes: Partial<DnsConfig>): Promise<void>;
}

async function withServer(work: (place: Place) => Promise<void>): Promise<void> {
  const network = new CountingNetwork();
  const clock = new VirtualClock();
  const server = new DnsServer({ network, clock, publish: () => undefined, names: new Names({ serial: 1 }) });
  const base: DnsConfig = { ...SITE, listen: [HERE], listenPort: 0, clients: [], upstream: [] };
  try {
    await work({ network, clock, server, configure: (changes) => server.configure({ ...base, ...changes }) });
  } finally {
    await server.close();
  }
}

const ENDS: readonly (readonly [what: string, changes: Partial<DnsConfig>])[] = [
  ['there is no upstream any more', { upstream: [], forwardZones: [] }],
  ['nobody is answered any more, though upstreams stay configured', { listen: [], upstream: [UPSTREAM] }],
];

for (const [what, changes] of ENDS) {
  test(`the sockets towards upstreams close when ${what} and no answer is waited for`, () =>
    withServer(async ({ network, clock, configure }) => {
      await configure({ upstream: [UPSTREAM] });
      assert.equal(network.upstream, UPSTREAM_SOCKETS);
      await configure(changes);
      clock.advance(FLIGHT_MS - 1);
      assert.equal(network.upstream, UPSTREAM_SOCKETS, 'an answer may still come');
      clock.advance(1);
      assert.equal(network.upstream, 0);
      clock.advance(10 * 60_000);
      assert.equal(network.upstream, 0, 'none of them changes its port later on');
    }));
}

test('a zone that others know keeps the sockets open, and its end closes them', () =>
  withServer(async ({ network, clock, configure }) => {
    await configure({ forwardZones: [{ domain: 'corp.example', upstream: [UPSTREAM] }] });
    assert.equal(network.upstream, UPSTREAM_SOCKETS);
    await configure({ forwardZones: [] });
    clock.advance(FLIGHT_MS);
    assert.equal(network.upstream, 0);
  }));

test('forwarding that comes back before the sockets close keeps them, and none is opened twice', () =>
  withServer(async ({ network, clock, configure }) => {
    await configure({ upstream: [UPSTREAM] });
    await configure({});
    clock.advance(FLIGHT_MS - 1);
    await configure({ upstream: [UPSTREAM] });
    clock.advance(FLIGHT_MS);
    assert.equal(network.upstream, UPSTREAM_SOCKETS);
  }));

test('a configuration that fails leaves no socket towards upstreams open', () =>
  withServer(async ({ network, clock, configure }) => {
    network.refuses = true;
    await assert.rejects(configure({ upstream: [UPSTREAM] }), { code: 'socket-refused' });
    clock.advance(FLIGHT_MS);
    assert.equal(network.upstream, 0);
  }));
