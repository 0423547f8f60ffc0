// The sockets to the upstreams are open while questions are forwarded, and afterwards until no answer is awaited.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { DnsConfig } from '../../src/dns/config.ts';
import { FLIGHT_MS } from '../../src/dns/forward.ts';
import { Names } from '../../src/dns/names.ts';
import { DnsServer } from '../../src/dns/server.ts';
import { UPSTREAM_SOCKETS } from '../../src/dns/upstream-sockets.ts';
import { ANY, ipv4 } from '../../src/ground/address.ts';
import { RackError } from '../../src/ground/errors.ts';
import type { HostNetwork, SocketRequest } from '../../src/net/datagrams/datagram.ts';
import { VirtualClock } from '../support/virtual-clock.ts';
import { SITE } from './fixture.ts';

const UPSTREAM = { address: ipv4(0x0a_09_00_35), port: 53 };
/** TCP listens on it too, on a port chosen by the system. */
const HERE = ipv4(0x7f_00_00_01);

/** A network that counts the open sockets on system-chosen ports of any address: those to upstreams. */
class CountingNetwork implements Pick<HostNetwork, 'open' | 'received'> {
  readonly received = 0;
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
  ['no upstream is left', { upstream: [], forwardZones: [] }],
  ['no listener is left, though upstreams stay configured', { listen: [], upstream: [UPSTREAM] }],
];

for (const [what, changes] of ENDS) {
  test(`the sockets to upstreams close when ${what} and no answer is awaited`, () =>
    withServer(async ({ network, clock, configure }) => {
      await configure({ upstream: [UPSTREAM] });
      assert.equal(network.upstream, UPSTREAM_SOCKETS);
      await configure(changes);
      clock.advance(FLIGHT_MS - 1);
      assert.equal(network.upstream, UPSTREAM_SOCKETS, 'an answer may still arrive');
      clock.advance(1);
      assert.equal(network.upstream, 0);
      clock.advance(10 * 60_000);
      assert.equal(network.upstream, 0, 'no rotation opens one later');
    }));
}

test('a forward zone keeps the sockets open; removing it closes them', () =>
  withServer(async ({ network, clock, configure }) => {
    await configure({ forwardZones: [{ domain: 'corp.example', upstream: [UPSTREAM] }] });
    assert.equal(network.upstream, UPSTREAM_SOCKETS);
    await configure({ forwardZones: [] });
    clock.advance(FLIGHT_MS);
    assert.equal(network.upstream, 0);
  }));

test('forwarding that resumes before the sockets close keeps them, and none is opened twice', () =>
  withServer(async ({ network, clock, configure }) => {
    await configure({ upstream: [UPSTREAM] });
    await configure({});
    clock.advance(FLIGHT_MS - 1);
    await configure({ upstream: [UPSTREAM] });
    clock.advance(FLIGHT_MS);
    assert.equal(network.upstream, UPSTREAM_SOCKETS);
  }));

test('a failed configuration leaves no socket to upstreams open', () =>
  withServer(async ({ network, clock, configure }) => {
    network.refuses = true;
    await assert.rejects(configure({ upstream: [UPSTREAM] }), { code: 'socket-refused' });
    clock.advance(FLIGHT_MS);
    assert.equal(network.upstream, 0);
  }));
