// An attacker forges answers of the upstream: by guessing ids, and by adding records to an answer.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { NEAR_MISSES_MAX } from '../../src/dns/forward.ts';
import { decodeMessage, FLAG, RCODE } from '../../src/dns/message.ts';
import { soaRdata, TYPE } from '../../src/dns/record.ts';
import { relevantReply } from '../../src/dns/upstream-reply.ts';
import { lines, queryBytes, record, replyTo } from './fixture.ts';
import { type Behaviour, good, ONE, Simulation, silent } from './forwarder-simulation.ts';

/** The attacker's reply: everything right except the id. */
function guess(query: Uint8Array, id: number, address = '198.51.100.66'): Uint8Array {
  const bytes = replyTo(query, 0, { answers: [record('www.example.com', 'A', address)] });
  bytes[0] = id >>> 8;
  bytes[1] = id;
  return bytes;
}

describe('guessing the id of a question', () => {
  it(`after ${NEAR_MISSES_MAX} guesses the flight trusts only TCP, so guessing all ids and sockets does not help`, () => {
    const byTcp: Behaviour = (query, at, tcp) => (tcp ? good(30)(query, at, tcp) : undefined);
    const sim = new Simulation({ upstream: [ONE] }, [[ONE, byTcp]]);
    sim.ask();
    const query = sim.sent[0];
    assert.ok(query !== undefined);
    const right = ((query.bytes[0] ?? 0) << 8) | (query.bytes[1] ?? 0);
    // All ids except the right one first: if even the right one then fails, no guess can succeed.
    for (let id = right + 1; id <= right + 4000; id += 1)
      sim.inject(query.socket, ONE, guess(query.bytes, id & 0xffff));
    for (let socket = 0; socket < 8; socket += 1) sim.inject(socket, ONE, guess(query.bytes, right));
    assert.equal(sim.finished.length, 0);
    sim.run(100);
    assert.deepEqual(lines(sim.finished[0]?.reply?.answers ?? []), ['www.example.com 300 A 192.0.2.80']);
    assert.deepEqual(sim.reports, ['dns.answers-forged']);
    assert.equal(sim.counters.read()['upstream-forged'], 1);
  });

  it('later attempts of that flight use TCP too; other flights stay with UDP', () => {
    const sim = new Simulation({ upstream: [ONE] }, [[ONE, silent]]);
    sim.ask();
    const query = sim.sent[0];
    assert.ok(query !== undefined);
    for (let id = 0; id < 100; id += 1) sim.inject(query.socket, ONE, guess(query.bytes, id));
    sim.ask('other.example', 'other');
    assert.equal(sim.sent.length, 2);
    sim.run(4000);
    const names = sim.sent.map(({ bytes }) => {
      const message = decodeMessage(bytes);
      return message.ok ? message.value.questions[0]?.name : undefined;
    });
    assert.deepEqual(names, ['www.example.com', 'other.example', 'other.example', 'other.example']);
    sim.run(1000);
    assert.equal(sim.finished.length, 2);
    assert.equal(sim.streams, 0);
    assert.equal(sim.forwarder.nextDeadline, undefined);
  });

  it('a few late replies do not count as guesses', () => {
    const sim = new Simulation({ upstream: [ONE] }, [[ONE, good(50)]]);
    sim.ask();
    const query = sim.sent[0];
    assert.ok(query !== undefined);
    for (let id = 0; id < NEAR_MISSES_MAX - 1; id += 1) sim.inject(query.socket, ONE, guess(query.bytes, id));
    sim.run(100);
    assert.equal(sim.finished.length, 1);
    assert.equal(sim.counters.read()['upstream-tcp'], 0);
  });

  it('datagrams from other hosts than the upstreams are ignored', () => {
    const sim = new Simulation({ upstream: [ONE] }, [[ONE, silent]]);
    sim.ask();
    const query = sim.sent[0];
    assert.ok(query !== undefined);
    for (let id = 0; id < 100; id += 1) sim.inject(query.socket, { ...ONE, port: 5353 }, guess(query.bytes, id));
    assert.deepEqual(sim.reports, []);
  });
});

describe('EDNS is given up only if that helps', () => {
  it('an upstream that says FORMERR to a question with and without EDNS is asked with EDNS the next time', () => {
    const sim = new Simulation({ upstream: [ONE] }, [
      [ONE, (query) => ({ bytes: replyTo(query, RCODE.FORMERR, {}), afterMs: 5 })],
    ]);
    sim.ask();
    sim.run(100);
    assert.equal(sim.sent.length, 2);
    sim.ask('other.example');
    const last = decodeMessage(sim.sent[2]?.bytes ?? new Uint8Array(0));
    assert.ok(last.ok && last.value.edns !== undefined);
  });
});

describe('the records kept of a reply', () => {
  const question = { name: 'www.example.com', type: 1, dnssecOk: false, checkingDisabled: false };
  const take = (parts: Parameters<typeof replyTo>[2], asked = question) => {
    const message = decodeMessage(replyTo(queryBytes(asked.name, asked.type), FLAG.RA, parts));
    assert.ok(message.ok);
    const { answers, authority, additional } = relevantReply(asked, message.value);
    return [lines(answers), lines(authority), lines(additional)];
  };

  it('RFC 5452 §6: records of other names are left out of every section', () => {
    const parts = {
      answers: [record('www.example.com', 'A', '192.0.2.80'), record('www.bank.example', 'A', '198.51.100.66')],
      authority: [record('example.com', 'NS', 'ns.example.com.'), record('bank.example', 'NS', 'ns.evil.example.')],
      additional: [record('ns.example.com', 'A', '192.0.2.53'), record('www.bank.example', 'A', '198.51.100.66')],
    };
    assert.deepEqual(take(parts), [
      ['www.example.com 300 A 192.0.2.80'],
      ['example.com 300 NS ns.example.com.'],
      ['ns.example.com 300 A 192.0.2.53'],
    ]);
  });

  it('aliases are followed in any order; records outside the chain are left out', () => {
    const parts = {
      answers: [
        record('c.example.net', 'A', '192.0.2.3'),
        record('b.example.org', 'CNAME', 'c.example.net.'),
        record('d.example.net', 'A', '198.51.100.66'),
        record('www.example.com', 'CNAME', 'b.example.org.'),
      ],
    };
    assert.deepEqual(take(parts)[0], [
      'c.example.net 300 A 192.0.2.3',
      'b.example.org 300 CNAME c.example.net.',
      'www.example.com 300 CNAME b.example.org.',
    ]);
  });

  it('RFC 6672 §5.3.1: a DNAME above the name and its signature are kept, those of another domain are left out', () => {
    const [DNAME, RRSIG] = [39, 46];
    const raw = (name: string, type: number) => ({ name, type, class: 1, ttl: 300, rdata: Uint8Array.of(0) });
    const alias = record('www.example.com', 'CNAME', 'www.example.net.');
    const ours = [raw('example.com', DNAME), raw('example.com', RRSIG)];
    const parts = { answers: [...ours, raw('bank.example', DNAME), raw('bank.example', RRSIG), alias] };
    assert.deepEqual(take(parts)[0], lines([...ours, alias]));
  });

  it('a loop of aliases ends', () => {
    const parts = {
      answers: [
        record('www.example.com', 'CNAME', 'b.example.com.'),
        record('b.example.com', 'CNAME', 'www.example.com.'),
      ],
    };
    assert.equal(take(parts)[0]?.length, 2);
  });

  it('RFC 2308 §2: the SOA of the name’s own zone is kept, another is not', () => {
    const times = { serial: 1, refresh: 2, retry: 3, expire: 4, minimum: 60 };
    const rdata = soaRdata({ mname: 'ns.example.com', rname: 'host.example.com', ...times });
    const soa = (name: string) => ({ name, type: TYPE.SOA, class: 1, ttl: 300, rdata });
    assert.equal(take({ authority: [soa('example.com'), soa('evil.example')] })[1]?.length, 1);
  });

  it('other classes are left out', () => {
    const chaos = { ...record('www.example.com', 'TXT', '"x"'), class: 3 };
    assert.deepEqual(take({ answers: [chaos] })[0], []);
  });
});
