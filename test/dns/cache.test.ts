import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  AnswerCache,
  CACHE_ENTRIES_MAX,
  CACHE_OCTETS_MAX,
  lifeSeconds,
  NEGATIVE_SECONDS_MAX,
  questionKey,
  TTL_SECONDS_MAX,
} from '../../src/dns/cache.ts';
import { RCODE } from '../../src/dns/message.ts';
import { type DnsRecord, soaRdata, TYPE } from '../../src/dns/record.ts';
import { bareReply, type Reply } from '../../src/dns/reply.ts';
import { instant } from '../../src/ground/clock.ts';
import { record } from './fixture.ts';

const soa = (ttl: number, minimum: number): DnsRecord => {
  const times = { serial: 1, refresh: 1, retry: 1, expire: 1, minimum };
  return { name: 'example', type: TYPE.SOA, class: 1, ttl, rdata: soaRdata({ mname: 'a', rname: 'b', ...times }) };
};
const reply = (parts: Partial<Reply>): Reply => ({ ...bareReply(RCODE.NOERROR), ...parts });
const A = (ttl: number): DnsRecord => record('a.example', 'A', '192.0.2.1', ttl);

describe('how long a reply is cached', () => {
  const cases: readonly [string, Reply, number][] = [
    ['as long as its record', reply({ answers: [A(60)] }), 60],
    ['as long as the shortest of its records', reply({ answers: [A(60), A(7)] }), 7],
    ['records of the other sections count too', reply({ answers: [A(60)], additional: [A(5)] }), 5],
    ['a TTL of zero is not cached', reply({ answers: [A(0)] }), 0],
    ['not longer than a day', reply({ answers: [A(1_000_000)] }), TTL_SECONDS_MAX],
    ['RFC 2308 §5: NODATA as long as the SOA’s minimum', reply({ authority: [soa(300, 20)] }), 20],
    ['RFC 2308 §5: or the SOA’s TTL when that is less', reply({ authority: [soa(10, 20)] }), 10],
    ['RFC 2308 §5: the same for NXDOMAIN', reply({ rcode: RCODE.NXDOMAIN, authority: [soa(300, 20)] }), 20],
    ['a negative answer not longer than its bound', reply({ authority: [soa(90_000, 90_000)] }), NEGATIVE_SECONDS_MAX],
    ['RFC 2308 §5: a negative answer without SOA is not cached', reply({ rcode: RCODE.NXDOMAIN }), 0],
    [
      'an alias without the type asked for is a negative answer',
      reply({ answers: [record('a', 'CNAME', 'b', 60)] }),
      0,
    ],
    ['a failure is not cached', reply({ rcode: RCODE.SERVFAIL, answers: [A(60)] }), 0],
  ];
  for (const [name, given, expected] of cases) it(name, () => assert.equal(lifeSeconds(given), expected));
});

describe('the cache', () => {
  it('an answer is returned with its age until it expires', () => {
    const cache = new AnswerCache();
    const given = reply({ answers: [A(60)] });
    cache.put('k', given, instant(0));
    assert.deepEqual(cache.get('k', instant(0)), { reply: given, ageSeconds: 0 });
    assert.equal(cache.get('k', instant(59_999))?.ageSeconds, 59);
    assert.equal(cache.get('k', instant(60_000)), undefined);
    assert.equal(cache.size, 0);
  });

  it('questions that differ in type, DO or CD are different questions', () => {
    const keys = new Set<string>();
    for (const type of [1, 28]) {
      for (const dnssecOk of [false, true]) {
        for (const checkingDisabled of [false, true])
          keys.add(questionKey({ name: 'a', type, dnssecOk, checkingDisabled }));
      }
    }
    assert.equal(keys.size, 8);
  });

  it('at the bound of entries the least recently used is evicted', () => {
    const cache = new AnswerCache();
    for (let index = 0; index < CACHE_ENTRIES_MAX; index += 1)
      cache.put(`k${index}`, reply({ answers: [A(60)] }), instant(0));
    assert.ok(cache.get('k0', instant(1)) !== undefined);
    cache.put('new', reply({ answers: [A(60)] }), instant(1));
    assert.equal(cache.size, CACHE_ENTRIES_MAX);
    assert.ok(cache.get('k0', instant(1)) !== undefined);
    assert.equal(cache.get('k1', instant(1)), undefined);
  });

  it('at the bound of octets old answers are evicted', () => {
    const cache = new AnswerCache();
    const big = { ...A(60), rdata: new Uint8Array(60_000) };
    const fill = (): number => {
      for (let index = 0; index < 1000; index += 1) cache.put(`k${index}`, reply({ answers: [big] }), instant(0));
      return cache.size;
    };
    const kept = fill();
    assert.ok(kept > 200 && kept * big.rdata.length <= CACHE_OCTETS_MAX, `${kept} answers`);
    cache.clear();
    assert.equal(cache.size, 0);
    assert.equal(fill(), kept, 'cleared answers take no room');
    for (let index = 0; index < 1000; index += 1) assert.equal(cache.get(`k${index}`, instant(60_000)), undefined);
    assert.equal(fill(), kept, 'expired answers take no room');
  });

  it('a newer answer replaces the older one', () => {
    const cache = new AnswerCache();
    cache.put('k', reply({ answers: [A(60)] }), instant(0));
    cache.put('k', reply({ answers: [A(61)] }), instant(1000));
    assert.equal(cache.size, 1);
    assert.equal(cache.get('k', instant(1000))?.reply.answers[0]?.ttl, 61);
  });
});

describe('a flood of random names that an upstream answers', () => {
  const absent = reply({ rcode: RCODE.NXDOMAIN, authority: [soa(900, 900)] });

  it('stays within the bounds, and a name in use stays cached', () => {
    const cache = new AnswerCache();
    const used = questionKey({ name: 'deb.example', type: TYPE.A, dnssecOk: false, checkingDisabled: false });
    cache.put(used, reply({ answers: [A(3600)] }), instant(0));
    for (let index = 0; index < 10 * CACHE_ENTRIES_MAX; index += 1) {
      cache.put(`r${index}.example/4`, absent, instant(index));
      // A client asks for it once in half a cache of random names.
      if (index % (CACHE_ENTRIES_MAX / 2) === 0)
        assert.ok(cache.get(used, instant(index)) !== undefined, `after ${index}`);
    }
    assert.ok(cache.size <= CACHE_ENTRIES_MAX);
  });

  it('stays within the bounds with the largest answers, too', () => {
    const cache = new AnswerCache();
    const large = reply({
      answers: Array.from({ length: 200 }, () => record('a.example', 'TXT', `"${'x'.repeat(250)}"`)),
    });
    for (let index = 0; index < 1000; index += 1) cache.put(`r${index}.example/64`, large, instant(0));
    assert.ok(cache.size > 200 && cache.size * 200 * 250 <= CACHE_OCTETS_MAX, `${cache.size} answers`);
  });
});
