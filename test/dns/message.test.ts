import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import {
  decodeMessage,
  decodeQuery,
  encodeUpstreamQuery,
  FLAG,
  type Query,
  RCODE,
  receiveQuery,
} from '../../src/dns/message.ts';
import { TYPE } from '../../src/dns/record.ts';
import { bareReply, encodeReply, udpLimit } from '../../src/dns/reply.ts';
import { lines, queryBytes, record, replyTo } from './fixture.ts';

function query(name: string, type: number, parts: Parameters<typeof queryBytes>[2] = {}): Query {
  const decoded = decodeQuery(queryBytes(name, type, parts));
  assert.ok(decoded.ok);
  return decoded.value;
}

const FORM = { limitOctets: 512, recursionAvailable: true, ageSeconds: 0 };

function message(bytes: Uint8Array): Extract<ReturnType<typeof decodeMessage>, { ok: true }>['value'] {
  const decoded = decodeMessage(bytes);
  assert.ok(decoded.ok, JSON.stringify(decoded));
  return decoded.value;
}

describe('queries', () => {
  it('a query is read: id, RD, question, EDNS', () => {
    const asked = query('Node1.MAAS', TYPE.A, { id: 7, edns: { payload: 1400, dnssecOk: true } });
    assert.equal(asked.id, 7);
    assert.equal(asked.recursionDesired, true);
    assert.deepEqual(asked.question, { name: 'node1.maas', type: 1, class: 1 });
    assert.deepEqual(asked.edns, { payloadOctets: 1400, extendedRcode: 0, version: 0, dnssecOk: true });
  });

  it('a query cut at any octet gets FORMERR with its id, or no reply if the header is incomplete', () => {
    const bytes = queryBytes('node1.maas', TYPE.A, { id: 0xabcd, edns: {} });
    for (let cut = 0; cut < bytes.length; cut += 1) {
      const received = receiveQuery(bytes.subarray(0, cut));
      if (cut < 12) assert.deepEqual(received, { kind: 'ignore', reason: 'short' });
      else {
        assert.ok(received.kind === 'reject', `cut at ${cut}`);
        assert.deepEqual([...received.bytes.subarray(0, 4)], [0xab, 0xcd, 0x81, RCODE.FORMERR]);
        assert.equal(received.bytes.length, 12);
      }
    }
  });

  const rejected: readonly [string, Uint8Array, number][] = [
    ['trailing octets are a FORMERR', Buffer.concat([queryBytes('a', 1), Uint8Array.of(0)]), RCODE.FORMERR],
    ['RFC 1035 §4.1.1: an unknown opcode is NOTIMP', queryBytes('a', 1, { flags: 0x2000 }), RCODE.NOTIMP],
    [
      'an UPDATE is NOTIMP, and its body is not read',
      Uint8Array.of(0, 1, 0x28, 0, 9, 9, 9, 9, 9, 9, 9, 9),
      RCODE.NOTIMP,
    ],
    ['no question is a FORMERR', Uint8Array.of(0, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0), RCODE.FORMERR],
    ['two questions are a FORMERR', patched(queryBytes('a', 1), 5, 2), RCODE.FORMERR],
    ['an answer in a query is a FORMERR', patched(queryBytes('a', 1), 7, 1), RCODE.FORMERR],
    ['RFC 6891 §6.1.1: two OPT records are a FORMERR', twoOptions(), RCODE.FORMERR],
    [
      'a pointer as the question is a FORMERR',
      Buffer.from('000101000001000000000000c00c00010001', 'hex'),
      RCODE.FORMERR,
    ],
  ];
  for (const [name, bytes, rcode] of rejected) {
    it(name, () => {
      const received = receiveQuery(bytes);
      assert.ok(received.kind === 'reject');
      assert.equal(received.rcode, rcode);
    });
  }

  it('a response is never answered, so two servers cannot keep each other busy', () => {
    const bytes = queryBytes('a', 1, { flags: 0x8100 });
    assert.deepEqual(receiveQuery(bytes), { kind: 'ignore', reason: 'response' });
  });

  it('random octets never throw, and a rejection is never longer than the request', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 600 }), (bytes) => {
        const received = receiveQuery(bytes);
        if (received.kind === 'reject') assert.ok(received.bytes.length <= bytes.length);
        decodeMessage(bytes);
      }),
      { numRuns: 2000 },
    );
  });

  it('a query with random changes never throws', () => {
    const base = replyTo(queryBytes('a.maas', TYPE.MX), 0, {
      answers: [
        record('a.maas', 'MX', '10 b.maas'),
        record('a.maas', 'TXT', '"x"'),
        record('a.maas', 'SRV', '1 2 3 b.maas'),
      ],
    });
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(base.length - 1), fc.nat(255)), { maxLength: 6 }), (changes) => {
        const bytes = Uint8Array.from(base);
        for (const [at, value] of changes) bytes[at] = value;
        decodeMessage(bytes);
        receiveQuery(bytes);
      }),
      { numRuns: 2000 },
    );
  });
});

function patched(bytes: Uint8Array, at: number, value: number): Uint8Array {
  bytes[at] = value;
  return bytes;
}

function twoOptions(): Uint8Array {
  const bytes = queryBytes('a', 1, { edns: {} });
  return patched(Buffer.concat([bytes, bytes.subarray(-11)]), 11, 2);
}

describe('replies', () => {
  it('RFC 4343 §4.1: the case of the question is kept', () => {
    const bytes = encodeReply(query('NoDe1.maas', TYPE.A), bareReply(RCODE.NOERROR), FORM);
    assert.ok(Buffer.from(bytes).toString('latin1').includes('NoDe1'));
  });

  it('records survive a round trip, with names compressed against the question', () => {
    const answers = [record('node1.maas', 'A', '10.0.0.1'), record('node1.maas', 'MX', '10 mail.maas')];
    const authority = [record('maas', 'NS', 'rack-1.maas')];
    const additional = [record('mail.maas', 'A', '10.0.0.2'), record('x.maas', 'SRV', '0 5 5060 sip.maas')];
    const asked = query('node1.maas', TYPE.A);
    const bytes = encodeReply(
      asked,
      { ...bareReply(RCODE.NOERROR), authoritative: true, answers, authority, additional },
      FORM,
    );
    const said = message(bytes);
    assert.deepEqual(lines(said.answers), lines(answers));
    assert.deepEqual(lines(said.authority), lines(authority));
    assert.deepEqual(lines(said.additional), lines(additional));
    assert.equal(said.flags, 0x8580);
    assert.equal(said.edns, undefined);
    for (let cut = 0; cut < bytes.length; cut += 1)
      assert.ok(!decodeMessage(bytes.subarray(0, cut)).ok, `cut at ${cut}`);
    assert.ok(!decodeMessage(Buffer.concat([bytes, Uint8Array.of(0)])).ok);
  });

  it('random records survive a round trip at any limit they fit', () => {
    const label = fc.stringMatching(/^[a-z0-9_-]{1,12}$/);
    const name = fc.array(label, { minLength: 1, maxLength: 4 }).map((labels) => labels.join('.'));
    const any = fc.oneof(
      fc.tuple(name, name).map(([owner, target]) => record(owner, 'CNAME', target)),
      fc.tuple(name, name).map(([owner, target]) => record(owner, 'MX', `10 ${target}`)),
      fc.tuple(name, name).map(([owner, target]) => record(owner, 'SRV', `1 2 3 ${target}`)),
      fc
        .tuple(name, fc.uint8Array({ maxLength: 40 }))
        .map(([owner, rdata]) => ({ name: owner, type: 65280, class: 1, ttl: 9, rdata })),
    );
    const section = fc.array(any, { maxLength: 5 });
    fc.assert(
      fc.property(name, section, section, section, (asked, answers, authority, additional) => {
        const reply = { ...bareReply(0), answers, authority, additional };
        const bytes = encodeReply(query(asked, TYPE.A, { edns: {} }), reply, { ...FORM, limitOctets: 65535 });
        const said = message(bytes);
        assert.deepEqual(
          lines([...said.answers, ...said.authority, ...said.additional]),
          lines([...answers, ...authority, ...additional]),
        );
        const same = encodeReply(query(asked, TYPE.A, { edns: {} }), reply, { ...FORM, limitOctets: bytes.length });
        assert.deepEqual(same, bytes);
        const count = answers.length + authority.length + additional.length;
        if (count === 0) return;
        const less = message(
          encodeReply(query(asked, TYPE.A, { edns: {} }), reply, { ...FORM, limitOctets: bytes.length - 1 }),
        );
        assert.ok(less.answers.length + less.authority.length + less.additional.length < count);
      }),
      { numRuns: 500 },
    );
  });

  it('RFC 3597 §4: the target of an SRV record is not compressed', () => {
    const answers = [record('s.maas', 'SRV', '0 0 1 s.maas')];
    const bytes = encodeReply(query('s.maas', TYPE.SRV), { ...bareReply(RCODE.NOERROR), answers }, FORM);
    assert.equal(Buffer.from(bytes).toString('latin1').split('\x04maas\x00').length, 3);
  });

  it('RFC 3597 §3: an unknown type is carried unchanged', () => {
    const odd = { name: 'odd.maas', type: 65280, class: 1, ttl: 5, rdata: Uint8Array.of(0xc0, 0x0c, 1) };
    const bytes = encodeReply(query('odd.maas', 65280), { ...bareReply(RCODE.NOERROR), answers: [odd] }, FORM);
    assert.deepEqual(lines(message(bytes).answers), ['odd.maas 5 TYPE65280 \\# 3 c00c01']);
  });

  it('RFC 2181 §9: sections that do not fit are left out whole, and TC is set', () => {
    const answers = Array.from({ length: 60 }, (_, index) => record('many.maas', 'A', `10.0.0.${index}`));
    const reply = { ...bareReply(RCODE.NOERROR), answers };
    const small = encodeReply(query('many.maas', TYPE.A), reply, FORM);
    assert.ok(small.length <= 512);
    const cut = message(small);
    assert.equal(cut.flags & 0x0200, 0x0200);
    assert.equal(cut.answers.length, 0);
    const asked = query('many.maas', TYPE.A, { edns: { payload: 1232 } });
    const large = message(encodeReply(asked, reply, { ...FORM, limitOctets: udpLimit(asked) }));
    assert.equal(large.flags & 0x0200, 0);
    assert.equal(large.answers.length, 60);
  });

  it('RFC 2181 §9: additional records that do not fit are left out without setting TC', () => {
    const additional = Array.from({ length: 60 }, (_, index) => record(`h${index}.maas`, 'A', `10.0.0.${index}`));
    const said = message(
      encodeReply(
        query('maas', TYPE.NS),
        { ...bareReply(0), answers: [record('maas', 'NS', 'h1.maas')], additional },
        FORM,
      ),
    );
    assert.equal(said.flags & 0x0200, 0);
    assert.equal(said.answers.length, 1);
    assert.ok(said.additional.length > 5 && said.additional.length < 60);
  });

  it('a reply with EDNS has room for its OPT at every size', () => {
    for (let count = 20; count < 40; count += 1) {
      const answers = Array.from({ length: count }, (_, index) => record('many.maas', 'A', `10.0.0.${index}`));
      const asked = query('many.maas', TYPE.A, { edns: { payload: 512 } });
      const bytes = encodeReply(asked, { ...bareReply(0), answers }, { ...FORM, limitOctets: udpLimit(asked) });
      assert.ok(bytes.length <= 512, `${count} records: ${bytes.length} octets`);
      assert.equal(message(bytes).edns?.payloadOctets, 1232);
    }
  });

  it('RFC 6891 §6.2.5: less than 512 counts as 512, more than 1232 as 1232', () => {
    assert.equal(udpLimit(query('a', 1)), 512);
    assert.equal(udpLimit(query('a', 1, { edns: { payload: 100 } })), 512);
    assert.equal(udpLimit(query('a', 1, { edns: { payload: 900 } })), 900);
    assert.equal(udpLimit(query('a', 1, { edns: { payload: 65535 } })), 1232);
  });

  it('RFC 6891 §6.1.3: an rcode above 15 has its high bits in the OPT', () => {
    const said = message(encodeReply(query('a', 1, { edns: {} }), bareReply(RCODE.BADVERS), FORM));
    assert.equal(said.rcode, 16);
    assert.equal(said.flags & 15, 0);
  });

  it('RFC 4035 §3.2: CD and DO are repeated, AD is clear', () => {
    const said = message(encodeReply(query('a', 1, { flags: 0x0130, edns: { dnssecOk: true } }), bareReply(0), FORM));
    assert.equal(said.flags & 0x0030, 0x0010);
    assert.equal(said.edns?.dnssecOk, true);
  });

  it('the age of a cached answer is subtracted from each TTL, down to zero', () => {
    const answers = [record('a', 'A', '1.2.3.4', 100), record('a', 'A', '1.2.3.5', 20)];
    const bytes = encodeReply(query('a', 1), { ...bareReply(0), answers }, { ...FORM, ageSeconds: 30 });
    assert.deepEqual(
      message(bytes).answers.map(({ ttl }) => ttl),
      [70, 0],
    );
  });

  it('RFC 2181 §8: a TTL with the highest bit set counts as zero', () => {
    const bytes = replyTo(queryBytes('a', 1), 0, { answers: [{ ...record('a', 'A', '1.2.3.4'), ttl: 0x80000001 }] });
    assert.equal(message(bytes).answers[0]?.ttl, 0);
  });

  it('a record whose data is shorter or longer than its names is a fault', () => {
    const good = replyTo(queryBytes('a', TYPE.CNAME), 0, { answers: [record('a', 'CNAME', 'bb.c')] });
    const lengthAt = good.length - 7;
    assert.equal(good[lengthAt], 6);
    for (const length of [5, 7]) {
      const decoded = decodeMessage(patched(Uint8Array.from(good), lengthAt, length));
      assert.ok(!decoded.ok);
    }
  });

  it('an A record without exactly four octets is a fault', () => {
    const bad = { ...record('a', 'A', '1.2.3.4'), rdata: Uint8Array.of(1, 2, 3) };
    const decoded = decodeMessage(replyTo(queryBytes('a', 1), 0, { answers: [bad] }));
    assert.ok(!decoded.ok && decoded.fault.code === 'bad-length');
  });
});

describe('questions to upstreams', () => {
  it('they are recursive and pass on DO and CD', () => {
    const bytes = encodeUpstreamQuery(5, {
      name: 'www.example.com',
      type: TYPE.AAAA,
      dnssecOk: true,
      checkingDisabled: true,
      edns: true,
    });
    const said = message(bytes);
    assert.equal(said.flags, 0x0110);
    assert.deepEqual(said.questions, [{ name: 'www.example.com', type: 28, class: 1 }]);
    assert.deepEqual(said.edns, { payloadOctets: 1232, extendedRcode: 0, version: 0, dnssecOk: true });
  });

  it('they have no OPT without EDNS', () => {
    const question = { name: 'a', type: 1, dnssecOk: false, checkingDisabled: false, edns: false };
    assert.equal(message(encodeUpstreamQuery(5, question)).edns, undefined);
  });
});

describe('the flags of a reply, for every opcode and every flag of the request', () => {
  const OPCODES = Array.from({ length: 16 }, (_, opcode) => opcode);
  /** Every bit of the header's flags but QR and the opcode: AA, TC, RD, RA, Z, AD, CD and an rcode. */
  const BITS = [0x0400, 0x0200, 0x0100, 0x0080, 0x0040, 0x0020, 0x0010, 0x000f, 0];
  const pairs = BITS.flatMap((one) => BITS.map((other) => one | other));
  const good = queryBytes('rack-1.maas', 1, { id: 0xbeef });
  const withFlags = (flags: number, bytes = good): Uint8Array => {
    const asked = Uint8Array.from(bytes);
    asked[2] = flags >>> 8;
    asked[3] = flags & 0xff;
    return asked;
  };
  const flagsOf = (bytes: Uint8Array): number => ((bytes[2] ?? 0) << 8) | (bytes[3] ?? 0);

  for (const opcode of OPCODES.slice(1)) {
    it(`opcode ${opcode}: NOTIMP, its id and opcode, and no flag but QR`, () => {
      for (const bits of pairs) {
        for (const bytes of [good, good.slice(0, 12)]) {
          const received = receiveQuery(withFlags((opcode << 11) | bits, bytes));
          assert.ok(received.kind === 'reject');
          assert.equal(received.rcode, RCODE.NOTIMP);
          assert.equal(
            flagsOf(received.bytes),
            FLAG.QR | (opcode << 11) | RCODE.NOTIMP,
            `asked with ${bits.toString(16)}`,
          );
          assert.deepEqual(
            [...received.bytes.subarray(0, 2), ...received.bytes.subarray(4)],
            [0xbe, 0xef, ...Array(8).fill(0)],
          );
        }
      }
    });
  }

  it('a malformed QUERY: FORMERR, with RD and CD repeated and no other flag', () => {
    for (const bits of pairs) {
      const received = receiveQuery(withFlags(bits, good.slice(0, 20)));
      assert.ok(received.kind === 'reject');
      const kept = bits & (FLAG.RD | FLAG.CD);
      assert.equal(flagsOf(received.bytes), FLAG.QR | kept | RCODE.FORMERR, `asked with ${bits.toString(16)}`);
    }
  });

  it('an answered QUERY, whatever the rcode: RD and CD repeated, AA and RA set by the server, never TC, Z or AD', () => {
    const rcodes = [RCODE.NOERROR, RCODE.SERVFAIL, RCODE.NXDOMAIN, RCODE.NOTIMP, RCODE.REFUSED];
    for (const rcode of rcodes) {
      for (const bits of pairs) {
        const received = receiveQuery(withFlags(bits));
        assert.ok(received.kind === 'query');
        const form = { limitOctets: 512, recursionAvailable: true, ageSeconds: 0 };
        const bytes = encodeReply(received.query, bareReply(rcode), form);
        assert.equal(
          flagsOf(bytes),
          FLAG.QR | (bits & (FLAG.RD | FLAG.CD)) | FLAG.RA | rcode,
          `asked with ${bits.toString(16)}`,
        );
      }
    }
  });

  it('a response is never answered, whatever its opcode', () => {
    for (const opcode of OPCODES) {
      assert.deepEqual(receiveQuery(withFlags(FLAG.QR | (opcode << 11))), { kind: 'ignore', reason: 'response' });
    }
  });
});
