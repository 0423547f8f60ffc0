// The gain of an attacker with a forged source address: octets of UDP answers for octets of questions.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import type { DnsConfig } from '../../src/dns/config.ts';
import { FLAG, UDP_OCTETS_MAX } from '../../src/dns/message.ts';
import { Names } from '../../src/dns/names.ts';
import { TYPE } from '../../src/dns/record.ts';
import {
  ADDRESSES_MAX,
  DnsService,
  LARGE_ANSWERS,
  LARGE_FACTOR,
  LargeAnswers,
  NETWORK_LARGE_ANSWERS,
  NETWORKS_MAX,
} from '../../src/dns/service.ts';
import { ipv4 } from '../../src/ground/address.ts';
import { instant } from '../../src/ground/clock.ts';
import { ip } from '../support/lab-facts.ts';
import { VirtualClock } from '../support/virtual-clock.ts';
import { type QueryParts, queryBytes, SITE } from './fixture.ts';

const CLIENT = ip('10.20.0.50');
/** The largest record set under the shortest name that a site could configure. */
const CONFIG: DnsConfig = {
  ...SITE,
  domains: ['m'],
  records: Array.from({ length: 30 }, (_, index) => ({ name: 'm', type: 'TXT', data: `${index} ${'x'.repeat(20)}` })),
};

function start() {
  const clock = new VirtualClock();
  const upstream = { send: () => undefined, stream: () => undefined, closeStream: () => undefined };
  const service = new DnsService({ clock, names: new Names({ serial: 1 }), publish: () => undefined, upstream });
  service.configure(CONFIG);
  const ask = (name: string, type: number, parts: QueryParts = {}, from = CLIENT, via: 'udp' | 'tcp' = 'udp') => {
    const question = queryBytes(name, type, parts);
    const said = service.handle(question, from, via);
    assert.ok(said instanceof Uint8Array);
    return { octets: said.length, factor: said.length / question.length, cut: ((said[2] ?? 0) & (FLAG.TC >> 8)) !== 0 };
  };
  return { clock, service, ask };
}

describe('amplification', () => {
  it('a client outside the served networks gets no more octets than it sent, whatever it asks', () => {
    const { ask } = start();
    for (const type of [TYPE.TXT, TYPE.ANY, TYPE.SOA, 48, 46, TYPE.AXFR]) {
      for (const parts of [{}, { edns: {} }, { edns: { dnssecOk: true } }, { flags: 0x2900 }, { class: 3 }]) {
        for (const name of ['m', 'rack-1.m', 'www.example.com', '']) {
          const { factor } = ask(name, type, parts, ip('192.0.2.99'));
          assert.ok(factor <= 1, `${name} ${type} ${JSON.stringify(parts)}: ${factor}`);
        }
      }
    }
  });

  it(`an address of a served network gets ${LARGE_ANSWERS.burst} large answers at once and ${LARGE_ANSWERS.perSecond} a second, then TC`, () => {
    const { ask, clock, service } = start();
    let asked = 0;
    let said = 0;
    let whole = 0;
    for (let second = 0; second < 20; second += 1) {
      for (let count = 0; count < 1000; count += 1) {
        const { octets, factor, cut } = ask('m', TYPE.TXT, { edns: { payload: 1232 } });
        asked += octets / factor;
        said += octets;
        if (!cut) whole += 1;
        else assert.ok(factor <= 1, `cut, but ${factor}`);
      }
      clock.advance(1000);
    }
    assert.ok(whole <= LARGE_ANSWERS.burst + 20 * LARGE_ANSWERS.perSecond, `${whole} whole`);
    assert.equal(service.counters.read()['cut-large'], 20_000 - whole);
    // Without the bound each answer would have been 40 times its question.
    assert.ok(said / asked < 4, `factor ${said / asked}`);
  });

  it(`a /24 gets as much as eight of its addresses would, even if an attacker forges all of them`, () => {
    const { ask, clock } = start();
    let whole = 0;
    for (let second = 0; second < 20; second += 1) {
      for (let host = 1; host < 255; host += 1) {
        for (let count = 0; count < 20; count += 1) {
          if (!ask('m', TYPE.TXT, { edns: { payload: 1232 } }, ipv4(ip('10.20.0.0') + host)).cut) whole += 1;
        }
      }
      clock.advance(1000);
    }
    const { burst, perSecond } = NETWORK_LARGE_ANSWERS;
    assert.equal(perSecond, 8 * LARGE_ANSWERS.perSecond);
    assert.ok(whole <= burst + 20 * perSecond, `${whole} whole`);
    assert.ok(!ask('m', TYPE.TXT, { edns: { payload: 1232 } }, ip('10.20.1.9')).cut, 'another network is not affected');
  });

  it(`at most ${NETWORKS_MAX} networks have buckets of their own; all others share one`, () => {
    const large = new LargeAnswers();
    for (let index = 0; index < NETWORKS_MAX; index += 1)
      assert.ok(large.allows(ipv4(index * 256), 1000, 30, instant(0)));
    let allowed = 0;
    for (let index = 0; index < 3000; index += 1) {
      if (large.allows(ipv4(0x0a000000 + index * 256), 1000, 30, instant(0))) allowed += 1;
    }
    assert.equal(allowed, NETWORK_LARGE_ANSWERS.burst);
  });

  it('of one answer is at most 22.5, including IP and UDP headers, as docs/hostile-hosts.md says', () => {
    const headers = 20 + 8;
    // The smallest question with a large answer: the root's, with EDNS.
    const smallest = queryBytes('', TYPE.TXT, { edns: { payload: 65_535 } }).length;
    const factor = (UDP_OCTETS_MAX + headers) / (smallest + headers);
    assert.equal(factor, 22.5);
    const large = { ...CONFIG, records: CONFIG.records.flatMap((one) => [one, { ...one, data: `x${one.data}` }]) };
    const { ask, service } = start();
    service.configure(large);
    for (const payload of [512, 1232, 4096, 65_535]) {
      const { octets } = ask('m', TYPE.ANY, { edns: { payload } });
      assert.ok(octets <= UDP_OCTETS_MAX, `${octets} octets for a payload of ${payload}`);
      assert.ok((octets + headers) / (queryBytes('m', TYPE.ANY, { edns: { payload } }).length + headers) < factor);
    }
    const text = readFileSync(join(import.meta.dirname, '..', '..', 'docs', 'hostile-hosts.md'), 'utf8');
    assert.match(text, /\| DNS, served networks \| 22\.5 for one answer/);
  });

  it('is never limited below 6.9, including IP and UDP headers, as docs/hostile-hosts.md says', () => {
    const headers = 20 + 8;
    const name = `${'a'.repeat(60)}.${'b'.repeat(57)}.m`;
    const question = queryBytes(name, TYPE.TXT, { edns: { payload: 1232 } }).length;
    const { ask, service } = start();
    service.configure({
      ...CONFIG,
      records: Array.from({ length: 4 }, (_, index) => ({ name, type: 'TXT', data: `${index}${'x'.repeat(237)}` })),
    });
    let largest = 0;
    for (let count = 0; count < 5000; count += 1) {
      const { octets, cut } = ask(name, TYPE.TXT, { edns: { payload: 1232 } });
      assert.ok(!cut);
      largest = Math.max(largest, (octets + headers) / (question + headers));
    }
    // The largest question that matters: an eighth of the largest answer.
    const floor = (UDP_OCTETS_MAX + headers) / (UDP_OCTETS_MAX / LARGE_FACTOR + headers);
    assert.ok(largest > 6 && largest <= floor, `${largest}`);
    assert.equal(floor.toFixed(1), '6.9');
    const text = readFileSync(join(import.meta.dirname, '..', '..', 'docs', 'hostile-hosts.md'), 'utf8');
    assert.match(text, /and 6\.9 without end/);
  });

  it('over TCP, whose sources are real, every answer is whole; other addresses are not affected', () => {
    const { ask } = start();
    const edns = { edns: { payload: 1232 } };
    for (let count = 0; count < 1000; count += 1) ask('m', TYPE.TXT, edns);
    assert.ok(ask('m', TYPE.TXT, edns).cut);
    assert.ok(!ask('m', TYPE.TXT, edns, CLIENT, 'tcp').cut);
    assert.ok(!ask('m', TYPE.TXT, edns, ip('10.20.0.51')).cut);
    assert.ok(!ask('rack-1.m', TYPE.A).cut);
  });

  it(`answers of at most ${LARGE_FACTOR} times the question are never cut`, () => {
    const { ask } = start();
    for (let count = 0; count < 5000; count += 1) assert.ok(!ask('rack-1.m', TYPE.A, { edns: {} }).cut);
  });
});

describe('addresses with buckets of their own', () => {
  it(`number at most ${ADDRESSES_MAX}; all others share one bucket until one is forgotten`, () => {
    const large = new LargeAnswers();
    for (let index = 0; index < ADDRESSES_MAX; index += 1) assert.ok(large.allows(ipv4(index), 1000, 30, instant(0)));
    let allowed = 0;
    for (let index = 0; index < 10_000; index += 1) {
      if (large.allows(ipv4(0x0a000000 + index), 1000, 30, instant(1))) allowed += 1;
    }
    assert.equal(allowed, LARGE_ANSWERS.burst);
    assert.ok(large.allows(ipv4(0x0b000000), 1000, 30, instant(60_000)));
  });
});
