// Floods of questions that no upstream answers, in virtual time: other clients must not notice. The sources are forged, as every host of a
// served network can do.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  CLIENT_WAITERS_MAX,
  domainSuffix,
  STREAMS_MAX,
  SUFFIX_FLIGHTS_MAX,
  WAITERS_MAX,
} from '../../src/dns/flights.ts';
import { EXCHANGES_MAX, FLIGHT_MS, HEDGE_MS } from '../../src/dns/forward.ts';
import { decodeMessage } from '../../src/dns/message.ts';
import { type Ipv4, ipv4 } from '../../src/ground/address.ts';
import { ip } from '../support/lab-facts.ts';
import { record, replyTo } from './fixture.ts';
import { type Behaviour, ONE, Simulation } from './forwarder-simulation.ts';

/** Names below `good.example` are answered after `afterMs`, all others never. */
const goodZone =
  (afterMs: number): Behaviour =>
  (query) => {
    const decoded = decodeMessage(query);
    assert.ok(decoded.ok);
    const name = decoded.value.questions[0]?.name ?? '';
    if (!name.endsWith('good.example') || name.includes('silent')) return undefined;
    return { bytes: replyTo(query, 0, { answers: [record(name, 'A', '192.0.2.80')] }), afterMs };
  };

interface Flood {
  readonly sources: number;
  readonly perSecond: number;
  /** The name of question `index`. */
  readonly name: (index: number) => string;
  readonly source?: (index: number) => Ipv4;
}

/** Runs six seconds of the flood with ten honest questions a second from each of two hosts; counts the honest ones answered. */
function endure(flood: Flood, answerMs = 30): { asked: number; answered: number; sim: Simulation } {
  const sim = new Simulation({ upstream: [ONE] }, [[ONE, goodZone(answerMs)]]);
  const perStep = flood.perSecond / 100;
  let asked = 0;
  for (let step = 0; step < 600; step += 1) {
    for (let count = 0; count < perStep; count += 1) {
      const index = step * perStep + count;
      const source = flood.source?.(index) ?? ipv4(ip('10.20.0.1') + (index % flood.sources));
      sim.ask(flood.name(index), 'flood', source);
    }
    if (step % 10 === 5) {
      for (const host of ['10.20.0.252', '10.20.0.253']) {
        asked += 1;
        sim.ask(`n${asked}.good.example`, 'honest', ip(host));
      }
    }
    sim.run(10);
  }
  sim.run(answerMs);
  const honest = sim.finished.filter(({ waiter }) => waiter === 'honest');
  return { asked, answered: honest.filter(({ reply }) => reply !== undefined).length, sim };
}

describe('a flood of unanswered names', () => {
  const floods: readonly [string, Flood][] = [
    ...[24, 100, 250].map((sources): [string, Flood] => [
      `${sources} forged sources ask for random names of one silent domain`,
      { sources, perSecond: 2400, name: (index) => `r${index}.silent.test` },
    ]),
    [
      '250 forged sources ask for random names of many silent domains',
      { sources: 250, perSecond: 2400, name: (index) => `r${index}.d${index % 5000}.test${index % 7}` },
    ],
    [
      '60 000 forged sources ask for random names of one silent domain',
      { sources: 60_000, perSecond: 5000, name: (index) => `r${index}.silent.test` },
    ],
    [
      '24 forged sources ask for names of the answering zone, among others',
      {
        sources: 24,
        perSecond: 2400,
        name: (index) => `r${index}.${index % 2 === 0 ? 'good.example' : 'silent.test'}`,
      },
    ],
    [
      'the questions forge the address of the honest host itself',
      { sources: 1, perSecond: 2400, name: (index) => `r${index}.silent.test`, source: () => ip('10.20.0.252') },
    ],
    [
      'the names lie in a silent part of the answering domain',
      { sources: 100, perSecond: 2400, name: (index) => `r${index}.silent.good.example` },
    ],
  ];
  for (const [name, flood] of floods) {
    it(`${name}: every honest question is answered`, () => {
      const { asked, answered, sim } = endure(flood);
      assert.equal(asked, 120);
      assert.equal(answered, asked);
      assert.ok(sim.forwarder.exchanges <= EXCHANGES_MAX);
      sim.run(FLIGHT_MS * 2);
      assert.equal(sim.forwarder.exchanges, 0);
      assert.equal(sim.forwarder.nextDeadline, undefined);
    });
  }

  it('the upstream, which answers other questions meanwhile, does not count as failed', () => {
    const { sim } = endure({ sources: 24, perSecond: 100, name: (index) => `r${index}.silent.test` });
    assert.ok(sim.counters.read()['upstream-timeout'] > 100);
    assert.deepEqual(
      sim.reports.filter((kind) => kind !== 'dns.overloaded'),
      [],
    );
  });

  it(`one domain has at most ${SUFFIX_FLIGHTS_MAX} flights; beyond that its oldest question is evicted`, () => {
    const sim = new Simulation({ upstream: [ONE] }, [[ONE, goodZone(30)]]);
    for (let index = 0; index < SUFFIX_FLIGHTS_MAX; index += 1)
      sim.ask(`r${index}.silent.test`, `w${index}`, ipv4(index));
    assert.equal(sim.finished.length, 0);
    sim.ask('one-more.silent.test', 'more', ipv4(9999));
    assert.deepEqual(
      sim.finished.map(({ waiter, reply }) => [waiter, reply]),
      [['w0', undefined]],
    );
  });

  it('one client that fills a domain loses its own questions to those of others, not theirs', () => {
    const sim = new Simulation({ upstream: [ONE] }, [[ONE, goodZone(30)]]);
    sim.ask('first.silent.test', 'victim', ipv4(7));
    for (let index = 0; index < 3 * SUFFIX_FLIGHTS_MAX; index += 1) {
      sim.ask(`r${index}.silent.test`, `w${index}`, ipv4(1 + (index % 2)));
      if (index % 100 === 0) sim.ask(`v${index}.silent.test`, 'victim', ipv4(7));
    }
    assert.ok(sim.finished.length > SUFFIX_FLIGHTS_MAX);
    assert.deepEqual(
      sim.finished.filter(({ waiter }) => waiter === 'victim'),
      [],
    );
  });

  it('an evicted question takes its exchanges along: late answers to it do not count', () => {
    const sim = new Simulation({ upstream: [ONE] }, [[ONE, () => undefined]]);
    sim.ask('first.silent.test', 'first', ipv4(1));
    const query = sim.sent[0];
    assert.ok(query !== undefined);
    // Each of another network, so that nobody has more than the first.
    for (let index = 0; index < SUFFIX_FLIGHTS_MAX; index += 1)
      sim.ask(`r${index}.silent.test`, 'w', ipv4((index + 10) * 256));
    assert.equal(sim.finished[0]?.waiter, 'first');
    sim.inject(query.socket, ONE, replyTo(query.bytes, 0, {}));
    assert.equal(sim.finished.length, 1);
    assert.equal(sim.counters.read()['upstream-mismatch'], 1);
  });
});

describe('the domain whose share a name uses', () => {
  for (const [name, suffix] of [
    ['a.b.example.com', 'example.com'],
    ['example.com', 'example.com'],
    ['com', 'com'],
    ['', ''],
    ['5.0.20.10.in-addr.arpa', '20.10.in-addr.arpa'],
    ['10.in-addr.arpa', '10.in-addr.arpa'],
    ['a\\.b.c\\.d.e', 'c\\.d.e'],
  ] as const) {
    it(`of ${name === '' ? 'the root' : name} is ${suffix === '' ? 'the root' : suffix}`, () => {
      assert.equal(domainSuffix(name), suffix);
    });
  }
});

describe('at its bound', () => {
  it('a client with CLIENT_WAITERS_MAX questions loses its oldest to its next one; other clients lose none', () => {
    const sim = new Simulation({ upstream: [ONE] }, [[ONE, goodZone(30)]]);
    sim.ask('silent.good.example', 'honest', ip('10.20.0.252'));
    for (let index = 0; index < CLIENT_WAITERS_MAX; index += 1)
      sim.ask(`silent.d${index}.test`, String(index), ip('10.20.0.66'));
    assert.deepEqual(sim.finished, []);
    sim.ask('silent.more.test', 'more', ip('10.20.0.66'));
    assert.deepEqual(
      sim.finished.map(({ waiter, reply }) => [waiter, reply]),
      [['0', undefined]],
    );
  });

  it('beyond STREAMS_MAX exchanges over TCP the oldest of the domain with the most is evicted; others notice nothing', () => {
    // Truncated over UDP, and never answered over TCP.
    const large: Behaviour = (query, _at, tcp) =>
      tcp
        ? undefined
        : { bytes: Uint8Array.from(replyTo(query, 0, {}), (byte, at) => (at === 2 ? byte | 2 : byte)), afterMs: 1 };
    const sim = new Simulation({ upstream: [ONE] }, [[ONE, large]]);
    for (let index = 0; index <= STREAMS_MAX; index += 1) sim.ask(`n${index}.large.test`, String(index));
    sim.ask('other.test', 'honest');
    sim.run(10);
    assert.equal(sim.streams, STREAMS_MAX);
    assert.ok(sim.counters.read().overloaded >= 2, 'two were evicted');
    assert.deepEqual(
      sim.finished.filter(({ waiter }) => waiter === 'honest'),
      [],
    );
  });

  it('at most EXCHANGES_MAX exchanges are remembered, however many questions were sent', () => {
    // Each flight asks all upstreams one after the other.
    const upstream = Array.from({ length: 6 }, (_, index) => ({ ...ONE, address: ipv4(ip('192.0.2.1') + index) }));
    const sim = new Simulation(
      { upstream },
      upstream.map((one) => [one, goodZone(30)]),
    );
    for (let index = 0; index < WAITERS_MAX; index += 1)
      sim.ask(`silent.d${index}.test`, 'flood', ipv4(ip('10.20.0.1') + (index % 200)));
    sim.run(HEDGE_MS * upstream.length);
    assert.ok(sim.sent.length > EXCHANGES_MAX, `${sim.sent.length} were sent`);
    assert.equal(sim.forwarder.exchanges, EXCHANGES_MAX);
    sim.ask('n1.good.example', 'honest', ip('10.20.0.252'));
    sim.run(100);
    assert.ok(sim.finished.some(({ waiter, reply }) => waiter === 'honest' && reply !== undefined));
  });
});
