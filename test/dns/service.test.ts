// A question's whole way, in virtual time and with a function for the upstreams.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { DnsConfig, DnsUpstream } from '../../src/dns/config.ts';
import { FLIGHT_MS } from '../../src/dns/forward.ts';
import { decodeMessage, FLAG, type Message, RCODE } from '../../src/dns/message.ts';
import { Names } from '../../src/dns/names.ts';
import { TYPE } from '../../src/dns/record.ts';
import { DnsService, SAMPLE_MS } from '../../src/dns/service.ts';
import type { RackEvent } from '../../src/ground/event.ts';
import { ip } from '../support/lab-facts.ts';
import { VirtualClock } from '../support/virtual-clock.ts';
import { lines, type QueryParts, queryBytes, record, replyTo, SITE } from './fixture.ts';

const UPSTREAM: DnsUpstream = { address: ip('192.0.2.1'), port: 53 };
const CONFIG: DnsConfig = {
  ...SITE,
  upstream: [UPSTREAM],
  records: [{ name: 'out.maas', type: 'CNAME', data: 'www.example.com' }],
};
const CLIENT = ip('10.20.0.50');

function start(config: DnsConfig = CONFIG) {
  const clock = new VirtualClock();
  const events: RackEvent[] = [];
  const sent: { socket: number; bytes: Uint8Array }[] = [];
  const streams: { exchange: number; bytes: Uint8Array }[] = [];
  const names = new Names({ serial: 1 });
  const service = new DnsService({
    clock,
    names,
    publish: (event) => events.push(event),
    upstream: {
      send: (socket, _to, bytes) => sent.push({ socket, bytes }),
      stream: (exchange, _to, bytes) => streams.push({ exchange, bytes }),
      closeStream: () => {},
    },
  });
  service.configure(config);
  const delivered: Message[] = [];
  const ask = (name: string, type: number = TYPE.A, parts: QueryParts = {}, from = CLIENT): Message | undefined => {
    const handled = service.handle(queryBytes(name, type, parts), from, 'udp');
    if (handled instanceof Uint8Array) return read(handled);
    if (handled !== undefined) service.forward(handled, from, (bytes) => delivered.push(read(bytes)));
    return undefined;
  };
  /** The upstream answers the last question. */
  const reply = (parts: Partial<Message>, flags = 0): void => {
    const last = sent.at(-1);
    assert.ok(last !== undefined);
    service.receive(last.socket, UPSTREAM.address, UPSTREAM.port, replyTo(last.bytes, flags, parts));
  };
  return { clock, events, sent, streams, names, service, delivered, ask, reply };
}

function read(bytes: Uint8Array): Message {
  const decoded = decodeMessage(bytes);
  assert.ok(decoded.ok);
  return decoded.value;
}

const WWW = record('www.example.com', 'A', '192.0.2.80', 60);

describe('a question', () => {
  it('for one of our own names is answered at once', () => {
    const said = start().ask('rack-1.maas');
    assert.deepEqual(lines(said?.answers ?? []), ['rack-1.maas 30 A 10.20.0.1']);
    assert.equal((said?.flags ?? 0) & (FLAG.AA | FLAG.RA), FLAG.AA | FLAG.RA);
  });

  it('for another name is asked upstream, answered, and cached with its age', () => {
    const { ask, reply, delivered, clock, sent, service } = start();
    assert.equal(ask('www.example.com'), undefined);
    reply({ answers: [WWW] });
    assert.deepEqual(lines(delivered[0]?.answers ?? []), ['www.example.com 60 A 192.0.2.80']);
    assert.equal((delivered[0]?.flags ?? FLAG.AA) & (FLAG.AA | FLAG.RA), FLAG.RA);
    clock.advance(10_500);
    const cached = ask('WWW.example.com');
    assert.deepEqual(lines(cached?.answers ?? []), ['www.example.com 50 A 192.0.2.80']);
    assert.equal(sent.length, 1);
    assert.equal(service.cached, 1);
    clock.advance(50_000);
    assert.equal(ask('www.example.com'), undefined);
    assert.equal(sent.length, 2);
  });

  it('for an alias of ours that leads outside is answered with the upstream’s records of its target', () => {
    const { ask, reply, delivered, sent } = start();
    ask('out.maas');
    assert.deepEqual(read(sent[0]?.bytes ?? new Uint8Array(0)).questions, [
      { name: 'www.example.com', type: 1, class: 1 },
    ]);
    reply({ answers: [WWW] });
    assert.deepEqual(lines(delivered[0]?.answers ?? []), [
      'out.maas 30 CNAME www.example.com.',
      'www.example.com 60 A 192.0.2.80',
    ]);
  });

  it('gets SERVFAIL before the client gives up if no upstream answers', () => {
    const { ask, delivered, clock, service } = start();
    ask('www.example.com', TYPE.A, { id: 99 });
    clock.advance(FLIGHT_MS);
    assert.equal(delivered[0]?.rcode, RCODE.SERVFAIL);
    assert.equal(delivered[0]?.id, 99);
    assert.equal(service.counters.read()['server-failure'], 1);
    assert.equal(clock.pending, 0);
  });

  it('with an answer too large for the client gets TC; over TCP the answer is whole', () => {
    const { ask, reply, delivered, service } = start();
    const answers = Array.from({ length: 100 }, (_, index) => record('www.example.com', 'A', `192.0.2.${index}`, 60));
    ask('www.example.com');
    reply({ answers });
    assert.equal((delivered[0]?.flags ?? 0) & FLAG.TC, FLAG.TC);
    const whole = service.handle(queryBytes('www.example.com', TYPE.A), CLIENT, 'tcp');
    assert.ok(whole instanceof Uint8Array);
    assert.equal(read(whole).answers.length, 100);
  });

  it('is asked over TCP if the upstream’s answer is truncated', () => {
    const { ask, reply, streams, service, delivered } = start();
    ask('www.example.com');
    reply({}, FLAG.TC);
    const stream = streams[0];
    assert.ok(stream !== undefined);
    service.receiveStream(stream.exchange, replyTo(stream.bytes, 0, { answers: [WWW] }));
    assert.equal(delivered[0]?.answers.length, 1);
  });

  it('is answered without the upstream’s AD, because Rackboot validates nothing', () => {
    const { ask, reply, delivered } = start();
    ask('www.example.com', TYPE.A, { flags: 0x0130, edns: { dnssecOk: true } });
    reply({ answers: [WWW] }, FLAG.AD);
    assert.equal((delivered[0]?.flags ?? FLAG.AD) & (FLAG.AD | FLAG.CD), FLAG.CD);
  });

  it('for an external name is REFUSED with RA clear if there are no upstreams', () => {
    const { ask } = start({ ...CONFIG, upstream: [] });
    assert.equal(ask('www.example.com')?.rcode, RCODE.REFUSED);
    assert.equal((ask('rack-1.maas')?.flags ?? FLAG.RA) & FLAG.RA, 0);
    const alias = ask('out.maas');
    assert.equal(alias?.rcode, RCODE.NOERROR);
    assert.equal(alias?.answers.length, 1);
  });

  it('keeps its cached answer until the upstreams change', () => {
    const { ask, reply, service } = start();
    ask('www.example.com');
    reply({ answers: [WWW] });
    service.configure({ ...CONFIG, domains: ['maas'] });
    assert.equal(service.cached, 1);
    service.configure({ ...CONFIG, upstream: [{ ...UPSTREAM, port: 54 }] });
    assert.equal(service.cached, 0);
  });

  it('in flight is answered when the service closes, which leaves no timer', () => {
    const { ask, service, delivered, clock } = start();
    ask('www.example.com');
    service.close();
    assert.equal(delivered[0]?.rcode, RCODE.SERVFAIL);
    assert.equal(clock.pending, 0);
  });

  it('is answered as before after a configuration with an impossible name was refused', () => {
    const { service, ask } = start();
    assert.throws(() => service.configure({ ...CONFIG, selfName: 'x'.repeat(64) }));
    assert.equal(ask('rack-1.maas')?.answers.length, 1);
  });
});

describe('hostile octets', () => {
  it('never throw, and each reply is a response with the same id within its limit', () => {
    const { service } = start();
    const names = ['rack-1.maas', 'x.maas', '10-20-0-150.maas', '150.0.20.10.in-addr.arpa', 'localhost', 'out.maas'];
    const base = fc.constantFrom(...names.map((name) => queryBytes(name, TYPE.A, { edns: {} })));
    const changes = fc.array(fc.tuple(fc.nat(60), fc.nat(255)), { maxLength: 5 });
    fc.assert(
      fc.property(base, changes, fc.nat(80), (query, edits, cut) => {
        const bytes = Uint8Array.from(query);
        for (const [at, value] of edits) if (at < bytes.length) bytes[at] = value;
        const handled = service.handle(cut < 60 ? bytes : bytes.subarray(0, cut), CLIENT, 'udp');
        if (!(handled instanceof Uint8Array)) return;
        assert.ok(handled.length <= 1232);
        const said = read(handled);
        assert.equal(said.id, ((bytes[0] ?? 0) << 8) | (bytes[1] ?? 0));
        assert.equal(said.flags & FLAG.QR, FLAG.QR);
      }),
      { numRuns: 3000 },
    );
  });
});

it('each question that is answered at once is counted by who answers it', () => {
  const questions: readonly (readonly [string, QueryParts, DnsConfig, string])[] = [
    ['rack-1.maas', {}, CONFIG, 'answered-own'],
    ['rack-1.maas', { class: 3 }, CONFIG, 'refused-policy'],
    ['out.maas', {}, { ...CONFIG, upstream: [] }, 'answered-own'],
    ['www.example.com', {}, { ...CONFIG, upstream: [] }, 'refused-policy'],
  ];
  for (const [name, parts, config, counter] of questions) {
    const { ask, service } = start(config);
    assert.ok(ask(name, TYPE.A, parts) !== undefined, name);
    const counted = Object.entries(service.counters.read()).filter(([, count]) => count !== 0);
    assert.deepEqual(Object.fromEntries(counted), { 'queries-udp': 1, [counter]: 1 }, name);
  }
});

describe('clients outside the served networks', () => {
  it('are refused and each counted, with one event every ten seconds', () => {
    const { ask, events, clock, service } = start();
    const stranger = ip('192.0.2.99');
    for (let index = 0; index < 5; index += 1)
      assert.equal(ask('rack-1.maas', TYPE.A, {}, stranger)?.rcode, RCODE.REFUSED);
    assert.equal(events.length, 1);
    clock.advance(SAMPLE_MS);
    ask('rack-1.maas', TYPE.A, {}, stranger);
    assert.deepEqual(
      events.map((event) => ('count' in event ? event.count : undefined)),
      [undefined, 5],
    );
    assert.equal(service.counters.read()['refused-stranger'], 6);
  });

  it('do not learn whether recursion is available', () => {
    const said = start().ask('www.example.com', TYPE.A, {}, ip('192.0.2.99'));
    assert.equal((said?.flags ?? FLAG.RA) & FLAG.RA, 0);
  });
});

describe('a rack that is named as its own upstream', () => {
  const SELF: DnsUpstream = { address: ip('10.20.0.1'), port: CONFIG.listenPort };

  it('refuses outside names at once, and never asks itself', () => {
    const listen = [SELF.address];
    const forwardZones = [{ domain: 'corp.example', upstream: [SELF] }];
    const place = start({ ...CONFIG, listen, upstream: [SELF], forwardZones });
    for (const name of ['www.example.com', 'a.corp.example']) assert.equal(place.ask(name)?.rcode, RCODE.REFUSED, name);
    assert.deepEqual(place.sent, []);
  });

  it('asks only the others, even where it listens at every address', () => {
    const listen = [ip('0.0.0.0')];
    const place = start({ ...CONFIG, listen, selfAddresses: [SELF.address], upstream: [SELF, UPSTREAM] });
    place.ask('www.example.com');
    assert.equal(place.sent.length, 1);
    place.reply({});
    assert.equal(place.delivered.length, 1, 'the other upstream was asked first');
  });
});
