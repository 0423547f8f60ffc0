// The forwarder in virtual time: upstreams that are slow, lossy, silent, wrong or hostile.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { CLIENT_WAITERS_MAX, STREAMS_MAX, WAITERS_MAX } from '../../src/dns/flights.ts';
import { ATTEMPT_ROUNDS_MAX, EXCHANGE_MS, FLIGHT_MS, HEDGE_MS, RETRY_MS } from '../../src/dns/forward.ts';
import { decodeMessage, FLAG, RCODE } from '../../src/dns/message.ts';
import { PROBE_MS } from '../../src/dns/upstream.ts';
import { ipv4 } from '../../src/ground/address.ts';
import { ip } from '../support/lab-facts.ts';
import { seededRandom } from '../support/seeded-random.ts';
import { lines, record, replyTo } from './fixture.ts';
import { type Behaviour, type Finished, failing, good, ONE, Simulation, silent, TWO } from './forwarder-simulation.ts';

const answersOf = (finished: Finished | undefined): string[] => lines(finished?.reply?.answers ?? []);

describe('asking upstreams', () => {
  it('if the first upstream answers, the second is not asked', () => {
    const sim = new Simulation({ upstream: [ONE, TWO] }, [
      [ONE, good(20)],
      [TWO, good(5)],
    ]);
    sim.ask();
    sim.run(10_000);
    assert.deepEqual(answersOf(sim.finished[0]), ['www.example.com 300 A 192.0.2.80']);
    assert.equal(sim.finished[0]?.atMs, 20);
    assert.deepEqual(
      sim.sent.map(({ to }) => to),
      [ONE],
    );
    assert.equal(sim.forwarder.nextDeadline, undefined);
  });

  it(`after ${HEDGE_MS} ms of silence the second is asked too, and the first that answers wins`, () => {
    const sim = new Simulation({ upstream: [ONE, TWO] }, [
      [ONE, good(290, '192.0.2.81')],
      [TWO, good(20)],
    ]);
    sim.ask();
    sim.run(10_000);
    assert.equal(sim.finished.length, 1);
    assert.equal(sim.finished[0]?.atMs, HEDGE_MS + 20);
    assert.deepEqual(answersOf(sim.finished[0]), ['www.example.com 300 A 192.0.2.80']);
  });

  it('a late answer still shows that its server is alive', () => {
    const sim = new Simulation({ upstream: [ONE, TWO] }, [
      [ONE, good(400)],
      [TWO, good(20)],
    ]);
    for (let index = 0; index < 20; index += 1) {
      sim.ask();
      sim.run(5_000);
    }
    assert.deepEqual(sim.reports, []);
    assert.equal(sim.counters.read()['upstream-timeout'], 0);
  });

  it('a lost question is asked again of the only upstream', () => {
    let count = 0;
    const sim = new Simulation({ upstream: [ONE] }, [
      [ONE, (query, at, tcp) => (count++ === 0 ? undefined : good(10)(query, at, tcp))],
    ]);
    sim.ask();
    sim.run(10_000);
    assert.equal(sim.finished[0]?.atMs, RETRY_MS + 10);
  });

  it(`each upstream is asked at most ${ATTEMPT_ROUNDS_MAX} times, and after ${FLIGHT_MS} ms the client gets SERVFAIL`, () => {
    const sim = new Simulation({ upstream: [ONE, TWO] }, [
      [ONE, silent],
      [TWO, silent],
    ]);
    sim.ask();
    sim.run(10_000);
    assert.equal(sim.sent.length, 2 * ATTEMPT_ROUNDS_MAX);
    assert.deepEqual(sim.finished, [{ waiter: 'w', atMs: FLIGHT_MS, reply: undefined }]);
    assert.equal(sim.forwarder.nextDeadline, undefined);
  });

  it('after SERVFAIL or REFUSED the next upstream is asked at once', () => {
    for (const rcode of [RCODE.SERVFAIL, RCODE.REFUSED]) {
      const sim = new Simulation({ upstream: [ONE, TWO] }, [
        [ONE, failing(rcode)],
        [TWO, good(20)],
      ]);
      sim.ask();
      sim.run(10_000);
      assert.equal(sim.finished[0]?.atMs, 25);
    }
  });

  it('when all upstreams answer SERVFAIL, so does the rack, at once', () => {
    const sim = new Simulation({ upstream: [ONE, TWO] }, [
      [ONE, failing(2)],
      [TWO, failing(2)],
    ]);
    sim.ask();
    sim.run(10_000);
    assert.deepEqual(sim.finished, [{ waiter: 'w', atMs: 10, reply: undefined }]);
    assert.equal(sim.sent.length, 2);
  });

  it('NXDOMAIN is an answer', () => {
    const sim = new Simulation({ upstream: [ONE, TWO] }, [[ONE, failing(RCODE.NXDOMAIN)]]);
    sim.ask();
    sim.run(10_000);
    assert.equal(sim.finished[0]?.reply?.rcode, RCODE.NXDOMAIN);
  });

  it('without any upstream the client gets SERVFAIL at once', () => {
    const sim = new Simulation({ upstream: [] }, []);
    sim.ask();
    assert.deepEqual(sim.finished, [{ waiter: 'w', atMs: 0, reply: undefined }]);
    assert.ok(!sim.forwarder.serves('www.example.com'));
  });

  it('a forward zone has its own upstreams; the nearest zone counts', () => {
    const zones = [
      { domain: 'example', upstream: [TWO] },
      { domain: 'open.example', upstream: [ONE] },
    ];
    const sim = new Simulation({ upstream: [ONE], forwardZones: zones }, [
      [ONE, good(1)],
      [TWO, good(1)],
    ]);
    for (const name of ['a.example', 'example', 'a.open.example', 'anexample']) sim.ask(name);
    assert.deepEqual(
      sim.sent.map(({ to }) => to),
      [TWO, TWO, ONE, ONE],
    );
  });
});

describe('RFC 5452: which replies count', () => {
  const forgeries: readonly [string, (query: Uint8Array) => Uint8Array][] = [
    ['§9.1: another id', (query) => flip(replyTo(query, 0, {}), 1)],
    ['§9.1: another name', (query) => flip(replyTo(query, 0, {}), 14)],
    ['§9.1: another type', (query) => flip(replyTo(query, 0, {}), 12 + 17 + 1)],
    ['a query instead of a response', (query) => query],
    ['octets that are not a message', (query) => replyTo(query, 0, {}).subarray(0, 20)],
    ['a header alone', (query) => replyTo(query, 0, {}).subarray(0, 12)],
    ['nothing', () => new Uint8Array(0)],
  ];
  for (const [name, forge] of forgeries) {
    it(`${name} does not count; the true answer does`, () => {
      const sim = new Simulation({ upstream: [ONE] }, [[ONE, good(20)]]);
      sim.ask();
      const query = sim.sent[0];
      assert.ok(query !== undefined);
      sim.inject(query.socket, ONE, forge(query.bytes));
      assert.equal(sim.finished.length, 0);
      sim.run(100);
      assert.equal(answersOf(sim.finished[0]).length, 1);
    });
  }

  it('§9.1: the right answer from another address or port, or to another socket, does not count', () => {
    const sim = new Simulation({ upstream: [ONE] }, [[ONE, silent]]);
    sim.ask();
    const query = sim.sent[0];
    assert.ok(query !== undefined);
    const bytes = replyTo(query.bytes, 0, {});
    sim.inject(query.socket, TWO, bytes);
    sim.inject(query.socket, { ...ONE, port: 54 }, bytes);
    sim.inject((query.socket + 1) % 8, ONE, bytes);
    assert.equal(sim.finished.length, 0);
    assert.equal(sim.counters.read()['upstream-mismatch'], 3);
    sim.inject(query.socket, ONE, bytes);
    assert.equal(sim.finished.length, 1);
  });

  it('§9.2: each question gets a new random id and socket', () => {
    const sim = new Simulation({ upstream: [ONE] }, [[ONE, silent]]);
    for (let index = 0; index < 200; index += 1) sim.ask(`n${index}.example`);
    const ids = new Set(sim.sent.map(({ bytes }) => ((bytes[0] ?? 0) << 8) | (bytes[1] ?? 0)));
    assert.ok(ids.size > 190);
    assert.equal(new Set(sim.sent.map(({ socket }) => socket)).size, 8);
  });

  it('an answer that comes twice counts once', () => {
    const sim = new Simulation({ upstream: [ONE] }, [[ONE, silent]]);
    sim.ask();
    const query = sim.sent[0];
    assert.ok(query !== undefined);
    const bytes = replyTo(query.bytes, 0, {});
    sim.inject(query.socket, ONE, bytes);
    sim.inject(query.socket, ONE, bytes);
    assert.equal(sim.finished.length, 1);
  });
});

function flip(bytes: Uint8Array, at: number): Uint8Array {
  bytes[at] = (bytes[at] ?? 0) ^ 1;
  return bytes;
}

describe('truncation and EDNS', () => {
  it('RFC 7766 §5: a truncated answer is asked for again over TCP', () => {
    const sim = new Simulation({ upstream: [ONE] }, [
      [ONE, (query, at, tcp) => (tcp ? good(10)(query, at, tcp) : { bytes: replyTo(query, FLAG.TC, {}), afterMs: 5 })],
    ]);
    sim.ask();
    sim.run(10_000);
    assert.equal(sim.finished[0]?.atMs, 15);
    assert.equal(answersOf(sim.finished[0]).length, 1);
    assert.equal(sim.counters.read()['upstream-tcp'], 1);
  });

  it('an answer cut within a record is asked for again over TCP too', () => {
    const cut = (query: Uint8Array): Uint8Array =>
      replyTo(query, FLAG.TC, { answers: [record('www.example.com', 'A', '1.2.3.4')] }).subarray(0, 40);
    const sim = new Simulation({ upstream: [ONE] }, [
      [ONE, (query, at, tcp) => (tcp ? good(10)(query, at, tcp) : { bytes: cut(query), afterMs: 5 })],
    ]);
    sim.ask();
    sim.run(10_000);
    assert.equal(sim.finished[0]?.atMs, 15);
  });

  it('if TCP stays silent, the client finally gets SERVFAIL and the server counts as silent', () => {
    const sim = new Simulation({ upstream: [ONE] }, [
      [ONE, (query, _at, tcp) => (tcp ? undefined : { bytes: replyTo(query, FLAG.TC, {}), afterMs: 5 })],
    ]);
    sim.ask();
    sim.run(10_000);
    assert.deepEqual(sim.finished, [{ waiter: 'w', atMs: FLIGHT_MS, reply: undefined }]);
    assert.ok(sim.counters.read()['upstream-timeout'] >= 1);
    assert.equal(sim.forwarder.nextDeadline, undefined);
  });

  it(`at most ${STREAMS_MAX} questions are asked over TCP at a time; beyond that the oldest is evicted`, () => {
    const sim = new Simulation({ upstream: [ONE] }, [
      [ONE, (query, _at, tcp) => (tcp ? undefined : { bytes: replyTo(query, FLAG.TC, {}), afterMs: 5 })],
    ]);
    for (let index = 0; index < STREAMS_MAX + 10; index += 1) sim.ask(`n${index}.example`, `w${index}`);
    sim.run(100);
    assert.equal(sim.streams, STREAMS_MAX);
    assert.equal(sim.finished.length, 10);
    sim.run(EXCHANGE_MS * 4);
    assert.equal(sim.streams, 0);
  });

  it('RFC 6891 §6.2.2: a server that does not understand EDNS is asked without it, from then on', () => {
    const old: Behaviour = (query, at, tcp) => {
      const decoded = decodeMessage(query);
      assert.ok(decoded.ok);
      if (decoded.value.edns === undefined) return good(5)(query, at, tcp);
      const bytes = replyTo(query, RCODE.FORMERR, {}).slice(0, 12);
      bytes[5] = 0;
      return { bytes, afterMs: 5 };
    };
    const sim = new Simulation({ upstream: [ONE] }, [[ONE, old]]);
    sim.ask();
    sim.run(100);
    assert.equal(sim.finished[0]?.atMs, 10);
    sim.ask('b.example');
    sim.run(100);
    assert.equal(sim.sent.length, 3);
  });

  it('a server that rejects EDNS after another has answered is not asked again', () => {
    const sim = new Simulation({ upstream: [ONE, TWO] }, [
      [ONE, failing(RCODE.FORMERR, HEDGE_MS + 100)],
      [TWO, good(20)],
    ]);
    sim.ask();
    sim.run(EXCHANGE_MS);
    assert.equal(sim.sent.length, 2);
  });
});

describe('health of upstreams', () => {
  it('a silent server is asked last, probed, and used again when it answers', () => {
    const sim = new Simulation({ upstream: [ONE, TWO] }, [
      [ONE, silent],
      [TWO, good(5)],
    ]);
    for (let index = 0; index < 6; index += 1) {
      sim.ask(`a${index}.example`);
      sim.run(1000);
    }
    assert.deepEqual(sim.reports, ['dns.upstream-failed']);
    sim.sent.length = 0;
    sim.ask('b.example');
    sim.run(10);
    assert.deepEqual(
      sim.sent.map(({ to }) => to),
      [TWO],
    );
    sim.behave(ONE, good(5));
    sim.run(PROBE_MS);
    sim.sent.length = 0;
    sim.ask('c.example');
    sim.ask('d.example');
    assert.deepEqual(
      sim.sent.map(({ to }) => to),
      [TWO, ONE, TWO],
    );
    sim.run(10);
    assert.deepEqual(sim.reports, ['dns.upstream-failed', 'dns.upstream-recovered']);
    sim.sent.length = 0;
    sim.ask('e.example');
    assert.deepEqual(
      sim.sent.map(({ to }) => to),
      [ONE],
    );
  });

  it('a server’s health survives a new configuration', () => {
    const sim = new Simulation({ upstream: [ONE, TWO] }, [
      [ONE, silent],
      [TWO, good(5)],
    ]);
    for (let index = 0; index < 6; index += 1) {
      sim.ask(`a${index}.example`);
      sim.run(1000);
    }
    sim.forwarder.configure({ upstream: [ONE, TWO] });
    sim.sent.length = 0;
    sim.ask('b.example');
    assert.deepEqual(
      sim.sent.map(({ to }) => to),
      [TWO],
    );
  });
});

describe('bounds', () => {
  it('clients with the same question wait for the same answer', () => {
    const sim = new Simulation({ upstream: [ONE] }, [[ONE, good(20)]]);
    for (let index = 0; index < 5; index += 1) sim.ask('www.example.com', `w${index}`, ipv4(index));
    sim.run(100);
    assert.equal(sim.sent.length, 1);
    assert.deepEqual(
      sim.finished.map(({ waiter }) => waiter),
      ['w0', 'w1', 'w2', 'w3', 'w4'],
    );
    assert.equal(sim.counters.read().merged, 4);
  });

  it(`one client waits for at most ${CLIENT_WAITERS_MAX} answers; beyond that its own oldest question is evicted`, () => {
    const sim = new Simulation({ upstream: [ONE] }, [[ONE, good(20)]]);
    sim.ask('other.example', 'other', ip('10.20.0.51'));
    for (let index = 0; index <= CLIENT_WAITERS_MAX; index += 1) sim.ask(`www.n${index}.example`, `w${index}`);
    assert.deepEqual(sim.finished, [{ waiter: 'w0', atMs: 0, reply: undefined }]);
    assert.deepEqual(sim.reports, ['dns.overloaded']);
    sim.run(100);
    assert.equal(sim.finished.length, CLIENT_WAITERS_MAX + 2);
    sim.ask('again.example');
    assert.equal(sim.reports.length, 1);
  });

  it('however many clients wait for one answer, all get it', () => {
    const sim = new Simulation({ upstream: [ONE] }, [[ONE, good(20)]]);
    for (let index = 0; index < 1000; index += 1) sim.ask('www.example.com', `w${index}`, ipv4(index));
    sim.run(100);
    assert.equal(sim.sent.length, 1);
    assert.equal(sim.finished.filter(({ reply }) => reply !== undefined).length, 1000);
  });

  it(`at most ${WAITERS_MAX} questions wait; beyond that the oldest of the client with the most is evicted`, () => {
    const sim = new Simulation({ upstream: [ONE] }, [[ONE, silent]]);
    const network = (index: number): number => 0x0a000000 + (index << 8);
    for (let index = 0; index < WAITERS_MAX; index += 1) {
      // One client asks twice.
      sim.ask(`n${index}.d${index}.example`, `w${index}`, ipv4(network(index === 7 ? 6 : index)));
    }
    assert.equal(sim.finished.length, 0);
    sim.ask('n.new.example', 'new', ipv4(network(WAITERS_MAX)));
    assert.deepEqual(
      sim.finished.map(({ waiter }) => waiter),
      ['w6'],
    );
    sim.run(FLIGHT_MS * 2);
    assert.equal(sim.finished.length, WAITERS_MAX + 1);
    assert.equal(sim.forwarder.nextDeadline, undefined);
  });

  it('`abandon` answers every waiting client', () => {
    const sim = new Simulation({ upstream: [ONE] }, [[ONE, silent]]);
    sim.ask('a.example', 'a');
    sim.ask('b.example', 'b');
    const answered = sim.forwarder.abandon().flatMap((action) => (action.kind === 'finish' ? action.waiters : []));
    assert.deepEqual(answered, ['a', 'b']);
  });
});

const seed = (process.hrtime()[1] ^ process.pid) >>> 0;
it(`with loss, delay, truncation and nonsense every waiter is answered once (seed ${seed})`, () => {
  const random = seededRandom(seed);
  const chaotic: Behaviour = (query, _at, tcp) => {
    const chance = random();
    if (chance < 0.3) return undefined;
    const afterMs = Math.floor(random() * 600);
    if (chance < 0.4) return { bytes: replyTo(query, tcp ? 0 : FLAG.TC, {}), afterMs };
    if (chance < 0.5) return { bytes: replyTo(query, Math.floor(random() * 16), {}), afterMs };
    if (chance < 0.6) return { bytes: query.slice(0, Math.floor(random() * query.length)), afterMs };
    return { bytes: replyTo(query, 0, { answers: [record('www.example.com', 'A', '192.0.2.80')] }), afterMs };
  };
  const sim = new Simulation(
    { upstream: [ONE, TWO] },
    [
      [ONE, chaotic],
      [TWO, chaotic],
    ],
    random,
  );
  const asked: string[] = [];
  for (let index = 0; index < 500; index += 1) {
    asked.push(`w${index}`);
    sim.ask(`n${Math.floor(random() * 100)}.example`, `w${index}`, ipv4(Math.floor(random() * 10)));
    sim.run(Math.floor(random() * 100));
  }
  sim.run(FLIGHT_MS + EXCHANGE_MS);
  assert.deepEqual(sim.finished.map(({ waiter }) => waiter).sort(), asked.sort(), `seed ${seed}`);
  assert.equal(sim.forwarder.nextDeadline, undefined, `seed ${seed}: a deadline is left`);
  const answered = sim.finished.filter(({ reply }) => reply !== undefined).length;
  assert.ok(answered > 400, `seed ${seed}: only ${answered} of 500 were answered`);
});
